//! Sound databases of different builds, and their packings.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use testkit::fixtures;

/// A city database in MMDB format, built so many seconds later than it really was.
pub fn mmdb(seconds: u8) -> Vec<u8> {
    let mut bytes = fixtures::read("geo/city/logs-city-geoip2.mmdb");
    let key = b"build_epoch";
    let at = bytes.windows(key.len()).rposition(|window| window == key).unwrap() + key.len();
    // Control byte with the value's length, type byte, big-endian value.
    let length = usize::from(bytes[at] & 0x1f);
    let value = &mut bytes[at + 2..at + 2 + length];
    let epoch = value.iter().fold(0_u64, |epoch, byte| epoch << 8 | u64::from(*byte)) + u64::from(seconds);
    value.copy_from_slice(&epoch.to_be_bytes()[8 - length..]);
    bytes
}

/// A city database in BIN format.
pub fn bin() -> Vec<u8> {
    fixtures::read("geo/city/logs-DB11.BIN")
}

pub fn md5(bytes: &[u8]) -> String {
    format!("{:x}", Md5::digest(bytes))
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn tar_gz(name: &str, content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in [("GeoLite2_20261120/LICENSE.txt", &b"licence"[..]), (name, content)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    }
    gzip(&builder.into_inner().unwrap())
}

pub fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [("LICENSE-CC-BY-SA-4.0.TXT", &b"licence"[..]), (name, content)] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
