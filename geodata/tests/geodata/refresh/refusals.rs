//! What is refused, and how that is told.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use geodata::refresh::{Config, OnDisk};
use testkit::fixtures;

use super::editions::{BIN, MMDB, NESTED, VISITORS, edition, find};
use super::watched::{Told, Watched, listen};

/// Puts a content in the place of a sound one, and tells what came of it.
fn replaced(sound: Vec<u8>, config: Config, content: &[u8]) -> (Watched, Told) {
    listen(|| {
        let mut watched = Watched::configured(sound, config);
        if watched.name().starts_with("geo") {
            watched.visit(&VISITORS);
        }
        watched.rename_over(content);
        watched.settle();
        watched
    })
}

fn expect_refused(sound: &[u8], config: Config, content: &[u8], reason: &str) {
    let (watched, told) = replaced(sound.to_vec(), config, content);
    let refusal = watched.status().last_refusal.unwrap_or_else(|| panic!("{reason}: {} was taken", watched.name()));
    assert_eq!(refusal.reason, reason, "{}", refusal.error);
    assert_eq!(watched.status().on_disk, OnDisk::Refused, "{reason}");
    let expected = super::editions::database(sound.to_vec());
    assert_eq!(watched.name(), expected.names().collect::<String>(), "{reason}");
    let count = format!("pageberg_geo_refusals_total{{database=\"geo\",reason=\"{reason}\"}} 1");
    assert!(told.metrics.contains(&count), "{count} in\n{}", told.metrics);
    assert_eq!(told.log.matches("was refused").count(), 1, "{}", told.log);
}

fn anything_goes() -> Config {
    Config { min_size_percent: 0, min_known_percent: 0, allow_older: true, ..Config::default() }
}

/// All records of an MMDB overwritten: the tree and the metadata stay.
fn without_records(mut mmdb: Vec<u8>) -> Vec<u8> {
    let metadata = find(&mmdb, b"\xab\xcd\xefMaxMind.com").pop().unwrap();
    mmdb[metadata / 2..metadata].fill(0xff);
    mmdb
}

#[test]
fn each_kind_of_bad_file_is_refused_under_its_reason() {
    let sound = edition(MMDB, 10);
    let newer = edition(MMDB, 12);
    let half = newer.len() / 2;
    let with_default = |content: &[u8], reason| expect_refused(&sound, Config::default(), content, reason);
    with_default(b"", "empty");
    with_default(&newer[..half], "not_a_database");
    with_default(&newer[half..], "not_a_database");
    with_default(b"<html><body>503 Service Unavailable</body></html>", "not_a_database");
    with_default(&b"PK\x03\x04".repeat(50_000), "not_a_database");
    with_default(&vec![0; sound.len()], "not_a_database");
    with_default(&without_records(newer.clone()), "damaged");
    with_default(&edition(MMDB, 9), "older");
    with_default(&fixtures::read("geo/maxmind-db/test-data/GeoLite2-City-Test.mmdb"), "smaller");
    let config = Config { max_file_bytes: 1_000, ..Config::default() };
    let (watched, _) = replaced(sound.clone(), config, &newer);
    assert_eq!(watched.status().last_refusal.map(|last| last.reason), Some("too_large"));
}

#[test]
fn a_database_of_the_future_is_refused_and_so_is_one_with_a_date_that_cannot_be_true() {
    let next_week = SystemTime::now() + Duration::from_secs(7 * 86_400);
    let next_week = next_week.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as u32;
    for (epoch, reason) in [(next_week, "future"), (0, "older"), (u32::MAX, "older")] {
        let mut bad = edition(MMDB, 12);
        let built = find(&bad, b"build_epoch\x04\x02").pop().unwrap() + 13;
        bad[built..built + 4].copy_from_slice(&epoch.to_be_bytes());
        expect_refused(&edition(MMDB, 10), Config::default(), &bad, reason);
    }
}

#[test]
fn a_database_of_another_kind_is_refused_because_it_knows_less() {
    let asn = fixtures::read("geo/maxmind-db/test-data/GeoLite2-ASN-Test.mmdb");
    let config = Config { min_size_percent: 0, ..Config::default() };
    expect_refused(&edition(MMDB, 10), config, &asn, "knows_less");
    let countries = edition(MMDB, 12);
    let (watched, _) = replaced(edition(BIN, 10), anything_goes(), &countries);
    assert_eq!(watched.name(), "geo@2026-01-12");
}

#[test]
fn every_file_of_the_collections_of_bad_data_leaves_the_one_in_use() {
    let sound = edition(MMDB, 10);
    for path in fixtures::files_below(&fixtures::path("geo/maxmind-db/bad-data")) {
        if path.extension().is_some_and(|extension| extension == "mmdb") {
            let (watched, told) = replaced(sound.clone(), Config::default(), &fs::read(&path).unwrap());
            assert_eq!(watched.name(), "geo@2026-01-10", "{}", path.display());
            assert_eq!(told.log.matches("was refused").count(), 1, "{}: {}", path.display(), told.log);
            watched.visit(&VISITORS);
        }
    }
}

#[test]
fn one_damaged_record_is_enough() {
    let [sound, damaged] = ["GeoIP2-City-Test", "GeoIP2-City-Test-Broken-Double-Format"]
        .map(|name| fixtures::read(&format!("geo/maxmind-db/test-data/{name}.mmdb")));
    let (watched, _) = replaced(sound, anything_goes(), &damaged);
    assert_eq!(watched.status().last_refusal.map(|last| last.reason), Some("damaged"));
}

#[test]
fn every_sound_database_is_taken() {
    let folders = ["maxmind-db/test-data", "ip2location", "city"]
        .map(|name| fs::read_dir(fixtures::path("geo").join(name)).unwrap());
    let mut taken = 0;
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // MaxMind-DB-*: for readers of the format; they hold no places.
        let is_database = name.ends_with(".mmdb") && !name.starts_with("MaxMind-DB-") || name.ends_with(".BIN");
        // The small one is of 2006 and laid out in a way that the vendor's readers misread today.
        if !is_database || ["Broken", "Invalid", "SMALL"].iter().any(|part| name.contains(part)) {
            continue;
        }
        let (watched, told) = replaced(edition(NESTED, 1), anything_goes(), &fs::read(&path).unwrap());
        assert_eq!(watched.status().refreshes, 1, "{name}: {}", told.log);
        taken += 1;
    }
    assert!(taken > 25, "{taken}");
}

#[test]
fn every_bad_start_of_a_bin_leaves_the_one_in_use() {
    let (sound, newer) = (edition(BIN, 10), edition(BIN, 12));
    // Database type, columns, date, counts and places of both tables, indexes, product, licence and size.
    for at in 0..35 {
        for value in [0x00, 0xff] {
            let mut bad = newer.clone();
            bad[at] = value;
            let (watched, _) = replaced(sound.clone(), Config::default(), &bad);
            watched.visit(&VISITORS);
        }
    }
}

#[test]
fn what_is_allowed_is_taken() {
    let sound = edition(MMDB, 10);
    let (watched, _) = replaced(sound.clone(), Config { allow_older: true, ..Config::default() }, &edition(MMDB, 9));
    assert_eq!(watched.name(), "geo@2026-01-09");
    let small = fixtures::read("geo/maxmind-db/test-data/GeoLite2-City-Test.mmdb");
    let (watched, _) = replaced(sound, anything_goes(), &small);
    assert!(watched.name().starts_with("GeoLite2-City@"));
}

#[test]
fn a_folder_in_the_place_of_a_file_is_refused_as_unreadable() {
    let (watched, told) = listen(|| {
        let mut watched = Watched::with(edition(MMDB, 1));
        fs::remove_file(watched.path()).unwrap();
        fs::create_dir(watched.path()).unwrap();
        (0..3).for_each(|_| watched.settle());
        watched
    });
    assert_eq!(watched.status().last_refusal.map(|last| last.reason), Some("unreadable"));
    assert_eq!((watched.name().as_str(), watched.status().refusals), ("geo@2026-01-01", 1));
    assert_eq!(told.log.matches("was refused").count(), 1, "{}", told.log);
}

#[test]
fn a_start_with_a_bad_file_goes_on_without_it_until_a_sound_one_is_there() {
    let (mut watched, told) = listen(|| Watched::with(b"torn".to_vec()));
    assert_eq!((watched.name().as_str(), watched.status().on_disk), ("", OnDisk::Refused));
    assert!(told.log.contains("WARN") && told.log.contains("was refused"), "{}", told.log);
    watched.rename_over(&edition(NESTED, 3));
    watched.settle();
    assert_eq!(watched.name(), "GeoLite2-City@2026-01-03");
    let status = watched.status();
    assert_eq!((status.refreshes, status.refusals, status.on_disk), (0, 1, OnDisk::InUse));
    assert_eq!(status.last_refusal.map(|last| last.reason), Some("not_a_database"));
}

#[test]
fn a_refusal_is_logged_once_for_each_content_and_counted_each_time_it_comes() {
    let (status, told) = listen(|| {
        let mut watched = Watched::with(edition(MMDB, 1));
        for _ in 0..3 {
            for content in [b"one bad content".to_vec(), b"another".to_vec(), edition(MMDB, 1)] {
                watched.rename_over(&content);
                (0..4).for_each(|_| watched.settle());
                fs::write(watched.path(), &content).unwrap();
                (0..4).for_each(|_| watched.settle());
            }
        }
        watched.status()
    });
    assert_eq!(told.log.matches("was refused").count(), 2, "{}", told.log);
    assert_eq!((status.refusals, status.refreshes), (6, 0));
    let count = "pageberg_geo_refusals_total{database=\"geo\",reason=\"not_a_database\"} 6";
    assert!(told.metrics.contains(count), "{}", told.metrics);
}

#[test]
fn the_metrics_tell_ages_refreshes_look_ups_and_misses() {
    let (watched, told) = listen(|| {
        let mut watched = Watched::with(edition(MMDB, 1));
        watched.visit(&VISITORS);
        let mut locator = geodata::Locator::new(watched.watcher.live());
        for unknown in ["2a00::1", "10.0.0.1", "no address"] {
            assert!(locator.locate(Some(unknown)).place.country.is_none());
        }
        drop(locator);
        watched.rename_over(&edition(MMDB, 2));
        watched.settle();
        watched
    });
    for line in [
        "pageberg_geo_lookups_total 6",
        "pageberg_geo_misses_total 1",
        "pageberg_geo_refreshes_total{database=\"geo\"} 1",
        "pageberg_geo_database_loaded_seconds{database=\"geo\"} 0",
    ] {
        assert!(told.metrics.contains(line), "{line} in\n{}", told.metrics);
    }
    let age =
        told.metrics.lines().find_map(|line| line.strip_prefix("pageberg_geo_database_age_seconds{database=\"geo\"} "));
    assert!(age.unwrap().parse::<f64>().unwrap() > 300.0 * 86_400.0, "{age:?}");
    assert_eq!(watched.watcher.live().counts(), geodata::Counts { lookups: 6, misses: 1 });
    assert!(Path::new(&watched.status().path).is_absolute());
}
