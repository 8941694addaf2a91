//! Damaged MMDB files.

use std::net::IpAddr;
use std::path::Path;

use geodata::DatabaseFile;
use geodata::refresh::{self, Refusal, examine};
use maxminddb::{Reader, WithinOptions};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use testkit::fixtures::{self, files_below, read};

use super::campaign::{self, flip_bits, in_time};
use super::hostile::look_up;

const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
const SOUND: [&str; 5] = [
    "geo/city/logs-city-flat.mmdb",
    "geo/city/logs-city-geoip2.mmdb",
    "geo/maxmind-db/test-data/GeoIP2-City-Test.mmdb",
    "geo/maxmind-db/test-data/GeoLite2-ASN-Test.mmdb",
    "geo/maxmind-db/test-data/MaxMind-DB-test-mixed-32.mmdb",
];
/// Addresses of each sound file that it has records for.
const KNOWN: usize = 32;

struct Sound {
    bytes: Vec<u8>,
    node_count: u32,
    tree_bytes: usize,
    known: Vec<IpAddr>,
}

impl Sound {
    fn open(name: &str) -> Self {
        let bytes = read(name);
        let reader = Reader::from_source(&bytes).unwrap();
        let networks = reader.networks(WithinOptions::default()).unwrap();
        let known = networks.map(|network| network.unwrap().network().unwrap().network());
        let known = known.choose_multiple(&mut rand::rng(), KNOWN);
        let metadata = reader.metadata();
        let (node_count, tree_bytes) =
            (metadata.node_count, metadata.node_count as usize * usize::from(metadata.record_size) / 4);
        Self { node_count, tree_bytes, known, bytes }
    }

    /// Damages a copy in one of the ways in which files are damaged, or made to do harm.
    fn damaged(&self, random: &mut StdRng) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let length = bytes.len();
        let metadata = length - MARKER.len() - bytes.windows(MARKER.len()).rev().position(|at| at == MARKER).unwrap();
        match random.random_range(0..7) {
            0 => flip_bits(&mut bytes, random),
            1 => flip_bits(&mut bytes[metadata..], random),
            2 => bytes.truncate(random.random_range(0..length)),
            3 => {
                let (from, to) = (random.random_range(0..length), random.random_range(0..length));
                let size = random.random_range(0..length - from.max(to));
                bytes.copy_within(from..from + size, to);
            }
            4 => drop(bytes.drain(random.random_range(0..metadata)..metadata)),
            5 => (0..64).for_each(|_| self.lead_astray(&mut bytes, random)),
            _ => (0..64).for_each(|_| {
                let at = random.random_range(self.tree_bytes..metadata);
                bytes[at] = control_byte(random);
            }),
        }
        bytes
    }

    /// Lets a record of the search tree lead to where few do.
    fn lead_astray(&self, bytes: &mut [u8], random: &mut StdRng) {
        let count = self.node_count;
        let ends = [0, count - 1, count, count + 1, count + 15, count + 16, count + 17, u32::MAX];
        let end =
            *[*ends.choose(random).unwrap(), random.random_range(0..count), random.random()].choose(random).unwrap();
        let at = random.random_range(0..self.tree_bytes - 4);
        bytes[at..at + 4].copy_from_slice(&end.to_be_bytes());
    }
}

/// A byte that begins a value of some kind with the longest of lengths, or a pointer.
fn control_byte(random: &mut StdRng) -> u8 {
    let (kind, length) = (random.random_range(0..8) << 5, *[0, 1, 28, 29, 30, 31].choose(random).unwrap());
    kind | length
}

/// A database of IPv6 whose nodes both lead to the next one, and the last one to no record: 2¹²⁷ ways, none of them a circle.
fn maze() -> Vec<u8> {
    const NODES: u8 = 127;
    let mut file: Vec<u8> = (1..=NODES).flat_map(|next| [0, 0, next, 0, 0, next]).collect();
    file.extend([0; 16]);
    file.extend(MARKER);
    let text = |text: &str| [&[0x40 | text.len() as u8], text.as_bytes()].concat();
    let number = |number: u8| vec![0xa1, number];
    file.push(0xe0 | 9);
    for (key, value) in [
        ("binary_format_major_version", number(2)),
        ("binary_format_minor_version", number(0)),
        ("build_epoch", vec![0, 2]),
        ("database_type", text("Maze")),
        ("description", vec![0xe0]),
        ("ip_version", number(6)),
        ("languages", vec![0, 4]),
        ("node_count", vec![0xc1, NODES]),
        ("record_size", number(24)),
    ] {
        file.extend(text(key));
        file.extend(value);
    }
    file
}

#[test]
fn no_damage_to_a_file_hurts_a_look_up() {
    let sound = SOUND.map(Sound::open);
    campaign::run(|random| {
        let sound = sound.choose(random).unwrap();
        (sound.damaged(random), sound.known.clone())
    });
}

#[test]
fn no_file_of_the_test_data_hurts_the_examination_of_a_newer_file() {
    let path = Path::new("newer.mmdb");
    let in_use = DatabaseFile::from_bytes(path, maze()).unwrap();
    let config = refresh::Config { min_size_percent: 0, ..refresh::Config::default() };
    for file in files_below(&fixtures::path("geo/maxmind-db")) {
        let bytes = std::fs::read(&file).unwrap();
        let examined =
            in_time(&file.display().to_string(), || examine(path, bytes, Some(&in_use), Vec::new(), &config));
        assert!(!matches!(examined, Err(Refusal::Panicked)), "{}", file.display());
    }
}

#[test]
fn a_tree_with_more_ways_than_anybody_can_go_is_not_gone_through() {
    assert!(in_time("looking up", || look_up(&maze(), &[])));
    let path = Path::new("maze.mmdb");
    let in_use = DatabaseFile::from_bytes(path, maze()).unwrap();
    let config = refresh::Config::default();
    let examined = in_time("examining", || examine(path, maze(), Some(&in_use), Vec::new(), &config));
    assert!(matches!(examined, Err(Refusal::Damaged(_))));
}
