//! Editions of the fixtures: the same database built on other days, with other places in it.

use std::path::Path;

use geodata::{DatabaseFile, GeoDatabase};
use testkit::fixtures;

pub const MMDB: &str = "geo/city/logs-city-flat.mmdb";
pub const NESTED: &str = "geo/city/logs-city-geoip2.mmdb";
pub const BIN: &str = "geo/city/logs-DB11.BIN";

/// Addresses of visitors in the web log, whose places differ between editions.
pub const VISITORS: [&str; 5] = ["83.149.9.216", "93.114.45.13", "207.241.237.225", "66.249.73.185", "46.105.14.53"];

/// Names of places that odd days have in capitals.
const NAMES: [&str; 14] = [
    "California",
    "Hauts-de-France",
    "Stockholm",
    "Virginia",
    "Pennsylvania",
    "England",
    "New York",
    "Washington",
    "Georgia",
    "Beijing",
    "Quebec",
    "Moscow",
    "London",
    "Bucharest",
];

const FIRST_OF_JANUARY: u32 = 1_767_225_600;

/// A fixture as if it had been built on this day of January 2026.
pub fn edition(fixture: &str, day: u8) -> Vec<u8> {
    let mut bytes = fixtures::read(fixture);
    if fixture.ends_with(".BIN") {
        bytes[2..5].copy_from_slice(&[26, 1, day]);
    } else {
        let epoch = FIRST_OF_JANUARY + u32::from(day - 1) * 86_400;
        // The value's type follows its key: an extended one (uint64) of four bytes.
        let built = find(&bytes, b"build_epoch\x04\x02").pop().unwrap() + 13;
        bytes[built..built + 4].copy_from_slice(&epoch.to_be_bytes());
    }
    if day % 2 == 1 {
        for name in NAMES {
            for at in find(&bytes, name.as_bytes()) {
                bytes[at..at + name.len()].make_ascii_uppercase();
            }
        }
    }
    bytes
}

/// Where a text stands in the bytes.
pub fn find(bytes: &[u8], text: &[u8]) -> Vec<usize> {
    let is_there = |at: &usize| bytes[*at] == text[0] && bytes[*at..].starts_with(text);
    (0..bytes.len() - text.len()).filter(is_there).collect()
}

/// A database of one file with this content.
pub fn database(bytes: Vec<u8>) -> GeoDatabase {
    GeoDatabase::new(vec![DatabaseFile::from_bytes(Path::new("geo.mmdb"), bytes).unwrap().into()])
}

#[test]
fn editions_tell_when_they_were_built_and_differ_in_their_places() {
    for fixture in [MMDB, NESTED, BIN] {
        let [first, second] = [1, 2].map(|day| database(edition(fixture, day)));
        assert!(first.names().all(|name| name.ends_with("@2026-01-01")), "{fixture}");
        let place = |database: &GeoDatabase| VISITORS.map(|ip| database.locate(ip.parse().unwrap()).place);
        assert!(place(&first).iter().all(|place| place.country.is_some()), "{fixture}");
        assert_ne!(place(&first), place(&second), "{fixture}");
    }
}
