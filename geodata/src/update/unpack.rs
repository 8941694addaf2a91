//! Takes the database out of what was downloaded: gzip, tar.gz, zip or the plain file, told apart by content.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tar::Archive;
use zip::ZipArchive;

use super::error::UpdateError;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
/// Where a tar archive says that it is one (POSIX ustar; GNU tar too).
const TAR_MAGIC: &[u8] = b"ustar";
const TAR_MAGIC_AT: usize = 257;
const TAR_HEADER_BYTES: usize = 512;
const BUFFER_BYTES: usize = 64 << 10;

/// Writes the database in `archive` to the new file `to`. A plain database is moved there.
///
/// # Errors
/// `Damaged`, `TooLarge`, `NoDatabaseInside`, `Disk`.
pub fn unpack(archive: &Path, to: &Path, max_bytes: u64) -> Result<(), UpdateError> {
    let first = first_bytes(archive, TAR_HEADER_BYTES).map_err(UpdateError::Disk)?;
    let file = || File::open(archive).map_err(UpdateError::Disk);
    if first.starts_with(ZIP_MAGIC) {
        return unzip(file()?, to, max_bytes);
    }
    if first.starts_with(GZIP_MAGIC) {
        let content = Bounded { inner: MultiGzDecoder::new(BufReader::new(file()?)), left: max_bytes };
        return unpack_stream(content, to, max_bytes);
    }
    if is_tar(&first) {
        return unpack_stream(file()?, to, max_bytes);
    }
    fs::rename(archive, to).map_err(UpdateError::Disk)
}

/// What a file begins with; fewer bytes when it is shorter.
pub fn first_bytes(file: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    File::open(file)?.take(bytes as u64).read_to_end(&mut first)?;
    Ok(first)
}

fn is_tar(first: &[u8]) -> bool {
    first.get(TAR_MAGIC_AT..).is_some_and(|rest| rest.starts_with(TAR_MAGIC))
}

fn is_database_name(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(b".mmdb") || name.ends_with(b".bin")
}

fn unpack_stream(mut content: impl Read, to: &Path, max_bytes: u64) -> Result<(), UpdateError> {
    let fault = |error| read_fault(error, max_bytes);
    let mut first = Vec::new();
    content.by_ref().take(TAR_HEADER_BYTES as u64).read_to_end(&mut first).map_err(fault)?;
    let is_tar = is_tar(&first);
    let mut content = first.chain(content);
    match is_tar {
        true => untar(&mut content, to, max_bytes)?,
        false => copy(&mut content, to, max_bytes)?,
    }
    // A tar reader stops behind the last entry, but the checksum of gzip comes last.
    io::copy(&mut content, &mut io::sink()).map_err(fault)?;
    Ok(())
}

fn untar(content: impl Read, to: &Path, max_bytes: u64) -> Result<(), UpdateError> {
    let fault = |error| read_fault(error, max_bytes);
    for entry in Archive::new(content).entries().map_err(fault)? {
        let mut entry = entry.map_err(fault)?;
        if entry.header().entry_type().is_file() && is_database_name(&entry.path_bytes()) {
            return copy(&mut entry, to, max_bytes);
        }
    }
    Err(UpdateError::NoDatabaseInside)
}

fn unzip(file: impl Read + Seek, to: &Path, max_bytes: u64) -> Result<(), UpdateError> {
    let damaged = |error: zip::result::ZipError| UpdateError::Damaged(error.into());
    let mut archive = ZipArchive::new(file).map_err(damaged)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        if entry.is_file() && is_database_name(entry.name_raw()) {
            return copy(&mut Bounded { inner: &mut entry, left: max_bytes }, to, max_bytes);
        }
    }
    Err(UpdateError::NoDatabaseInside)
}

fn copy(from: &mut impl Read, to: &Path, max_bytes: u64) -> Result<(), UpdateError> {
    let mut file = File::create(to).map_err(UpdateError::Disk)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(bytes) => file.write_all(&buffer[..bytes]).map_err(UpdateError::Disk)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read_fault(error, max_bytes)),
        }
    }
}

fn read_fault(error: io::Error, max_bytes: u64) -> UpdateError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => UpdateError::TooLarge { max_bytes },
        _ => UpdateError::Damaged(error),
    }
}

/// A reader that fails with `FileTooLarge` beyond a number of bytes, so that a small archive cannot fill the disk.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(bytes as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// The unpacked content, or the reason why there is none.
    fn unpacked(download: &[u8], max_bytes: u64) -> Result<Vec<u8>, &'static str> {
        let dir = tempfile::tempdir().unwrap();
        let (archive, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&archive, download).unwrap();
        unpack(&archive, &to, max_bytes).map_err(|error| error.reason())?;
        Ok(fs::read(to).unwrap())
    }

    #[test]
    fn the_database_is_found_in_every_packing() {
        let entries: &[(&str, &[u8])] =
            &[("d/README.txt", b"read me"), ("d/GeoLite2-City.MMDB", b"database"), ("d/last.txt", &[7; 2_000])];
        let members = [gzip(b"data"), gzip(b"base")].concat();
        let packings =
            [gzip(b"database"), members, tar(entries), gzip(&tar(entries)), zip(entries), b"database".to_vec()];
        for packed in packings {
            assert_eq!(unpacked(&packed, 10_000), Ok(b"database".to_vec()));
        }
    }

    #[test]
    fn an_archive_without_database_is_told_from_a_damaged_one() {
        let entries: &[(&str, &[u8])] = &[("a.csv", b"1,2,3"), ("b.mmdb.txt", b"no")];
        assert_eq!(unpacked(&gzip(&tar(entries)), 10_000), Err("no_database"));
        assert_eq!(unpacked(&zip(entries), 10_000), Err("no_database"));
        let incompressible: Vec<u8> =
            (0..5_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
        let entries: &[(&str, &[u8])] = &[("a.mmdb", &incompressible)];
        for sound in [gzip(&incompressible), gzip(&tar(entries)), zip(entries)] {
            assert_eq!(unpacked(&sound, 100_000).map(|content| content == incompressible), Ok(true));
            for cut in [sound.len() / 2, sound.len() - 3] {
                assert_eq!(unpacked(&sound[..cut], 100_000), Err("damaged"), "{cut} of {}", sound.len());
            }
            let mut flipped = sound.clone();
            flipped[sound.len() / 2] ^= 0x40;
            assert_eq!(unpacked(&flipped, 100_000), Err("damaged"));
        }
    }

    #[test]
    fn a_bomb_ends_at_the_limit_even_beside_the_database() {
        let zeros = vec![0; 5_000_000];
        let beside: &[(&str, &[u8])] = &[("zeros.txt", &zeros), ("a.mmdb", b"database")];
        let behind: &[(&str, &[u8])] = &[("a.mmdb", b"database"), ("zeros.txt", &zeros)];
        let inside: &[(&str, &[u8])] = &[("a.bin", &zeros)];
        for bomb in [gzip(&zeros), gzip(&tar(inside)), gzip(&tar(beside)), gzip(&tar(behind)), zip(inside)] {
            assert!(bomb.len() < 100_000);
            assert_eq!(unpacked(&bomb, 1_000_000), Err("too_large"));
        }
        assert_eq!(unpacked(&gzip(&zeros), 5_000_000).map(|content| content.len()), Ok(5_000_000));
    }
}
