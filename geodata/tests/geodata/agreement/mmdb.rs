//! MMDB files.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use geodata::refresh::{Config, examine};
use geodata::{DatabaseFile, GeoDatabase, LiveDatabase, Located, Locator};
use maxminddb::{Reader, WithinOptions};
use testkit::fixtures::{self, files_below};
use testkit::seed::seeded;

use super::addresses::{drawn, of_web_log};
use super::reference::{fields, places};

const DRAWN: usize = 100_000;
/// For the vendor's reader that is written in Python throughout, which is slow; the other one asks its C library.
const DRAWN_FOR_PURE: usize = 2_000;
/// For files whose records are as large as readers take: the slow reader needs a tenth of a second for each.
const DRAWN_FOR_COSTLY: usize = 20;
const COSTLY: &str = "MaxMind-DB-test-decoder-value-limit";

/// What the names of files hold that are damaged on purpose, or so made that the vendor's readers refuse them as too costly.
const BROKEN: [&str; 9] = [
    "-Broken-Double-Format",
    "-Invalid-Node-Count",
    "-broken-pointers-",
    "-broken-search-tree-",
    "-dos",
    "-limit-over",
    "-metadata-payload-limit",
    "-shared-budget",
    "bad-data/",
];

/// Holds the reader to the vendor's two; whether the file holds places at all.
fn compare(file: &Path) -> bool {
    let (database, errors) = GeoDatabase::open(&[file.to_owned()]);
    assert!(errors.is_empty(), "{errors:?}");
    let live = Arc::new(LiveDatabase::new(database));
    let (database, mut locator) = (live.current(), Locator::new(live));

    let mut random = seeded();
    let borders = borders(file);
    let is_costly = file.to_string_lossy().contains(COSTLY);
    let few = drawn(if is_costly { DRAWN_FOR_COSTLY } else { DRAWN_FOR_PURE }, &borders, &mut random);
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

fn mmdb_files(folder: &Path) -> Vec<PathBuf> {
    let is_mmdb = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "mmdb");
    files_below(folder).into_iter().filter(is_mmdb).collect()
}

fn is_broken(file: &Path) -> bool {
    let name = file.to_string_lossy();
    BROKEN.iter().any(|part| name.contains(part))
}

fn sound_files(folder: &str) -> impl Iterator<Item = PathBuf> {
    mmdb_files(&fixtures::path(folder)).into_iter().filter(|file| !is_broken(file))
}

#[test]
fn maxminds_sound_databases_say_what_its_readers_say() {
    let with_places = sound_files("geo/maxmind-db/test-data").filter(|file| compare(file));
    assert_eq!(with_places.count(), 12);
}

#[test]
fn nested_and_flat_city_databases_and_the_extra_fixtures_say_what_maxminds_readers_say() {
    let with_places = sound_files("geo/city").filter(|file| compare(file));
    assert_eq!(with_places.count(), 2);
    for file in fixtures::extra().iter().flat_map(|folder| mmdb_files(folder)) {
        if !(is_broken(&file) && is_refused(&file)) {
            compare(&file);
        }
    }
}

/// Whether the file would not be taken up: it cannot be opened, or a record of it cannot be read.
fn is_refused(file: &Path) -> bool {
    let in_use = DatabaseFile::open(&fixtures::path("geo/city/logs-city-flat.mmdb")).unwrap();
    let config = Config { min_size_percent: 0, min_known_percent: 0, allow_older: true, ..Config::default() };
    examine(file, std::fs::read(file).unwrap(), Some(&in_use), Vec::new(), &config).is_err()
}
