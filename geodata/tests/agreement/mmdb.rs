//! MMDB files.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geodata::{GeoDatabase, LiveDatabase, Located, Locator};
use maxminddb::{Reader, WithinOptions};

use crate::addresses::{data, drawn, of_web_log, seeded};
use crate::reference::{fields, places};

const DRAWN: usize = 100_000;
/// For the vendor's reader that is written in Python throughout, which is slow; the other one asks its C library.
const DRAWN_FOR_PURE: usize = 2_000;

/// Damaged on purpose.
const BROKEN: [&str; 4] = [
    "GeoIP2-City-Test-Broken-Double-Format.mmdb",
    "GeoIP2-City-Test-Invalid-Node-Count.mmdb",
    "MaxMind-DB-test-broken-pointers-24.mmdb",
    "MaxMind-DB-test-broken-search-tree-24.mmdb",
];

/// Holds the reader to the vendor's two; whether the file holds places at all.
fn compare(file: &Path) -> bool {
    let (database, errors) = GeoDatabase::open(&[file.to_owned()]);
    assert!(errors.is_empty(), "{errors:?}");
    let live = Arc::new(LiveDatabase::new(database));
    let (database, mut locator) = (live.current(), Locator::new(live));

    let mut random = seeded();
    let borders = borders(file);
    let few = drawn(DRAWN_FOR_PURE, &borders, &mut random);
    let holds_places = agree(file, "mmdb-pure", &few, |address| database.locate(address));
    if holds_places {
        let mut many = drawn(DRAWN, &borders, &mut random);
        many.extend(of_web_log());
        agree(file, "mmdb", &many, |address| locator.locate(Some(&address.to_string())));
    }
    holds_places
}

/// Whether they knew something. Reserved addresses are not looked up here; the vendor's readers do.
fn agree(file: &Path, reader: &str, addresses: &[IpAddr], mut locate: impl FnMut(IpAddr) -> Located) -> bool {
    let mut any = false;
    for (address, theirs) in addresses.iter().zip(places(reader, file, addresses)) {
        let located = locate(*address);
        if located.database.is_some() {
            assert_eq!(fields(&located.place), *theirs, "{address} in {}", file.display());
            any |= !theirs.is_empty();
        }
    }
    any
}

/// The first and the last address of each network of the file.
fn borders(file: &Path) -> Vec<IpAddr> {
    let reader = Reader::open_readfile(file).unwrap();
    let networks = reader.networks(WithinOptions::default()).unwrap();
    let networks = networks.map(|record| record.unwrap().network().unwrap());
    networks.flat_map(|network| [network.network(), network.broadcast()]).collect()
}

fn sound_files(folder: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data(folder)).unwrap().map(|entry| entry.unwrap().path());
    let is_sound = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "mmdb") && !BROKEN.iter().any(|name| path.ends_with(name))
    };
    files.filter(is_sound).collect()
}

#[test]
fn maxminds_sound_databases_say_what_its_readers_say() {
    let with_places = sound_files("geo/maxmind-db/test-data").into_iter().filter(|file| compare(file));
    assert_eq!(with_places.count(), 12);
}

#[test]
fn nested_and_flat_city_databases_say_what_maxminds_readers_say() {
    let with_places = sound_files("geo/derived").into_iter().filter(|file| compare(file));
    assert_eq!(with_places.count(), 2);
}
