//! IP2Location's BIN files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use geodata::{DatabaseFile, GeoDatabase};
use testkit::fixtures::{self, files_below};
use testkit::seed::seeded;

use super::addresses::{drawn, of_web_log};
use super::reference::{fields, places};

const DRAWN: usize = 100_000;

/// Of 2006, laid out in a way that the vendor's reader misreads.
const MISREAD: &str = "IPV6-COUNTRY.SMALL.BIN";

/// Holds the reader to the vendor's, and tells how many of the addresses were in some country.
fn compare(file: &Path) -> usize {
    let mut addresses = drawn(DRAWN, &starts(&std::fs::read(file).unwrap()), &mut seeded());
    addresses.extend(of_web_log());
    let (database, errors) = GeoDatabase::open(&[file.to_owned()]);
    assert!(errors.is_empty(), "{errors:?}");
    let mut in_a_country = 0;
    for (address, theirs) in addresses.iter().zip(places("bin", file, &addresses)) {
        let located = database.locate(*address);
        // Reserved addresses are not looked up here; the vendor's reader does.
        if located.database.is_some() {
            assert_eq!(fields(&located.place), *theirs, "{address} in {}", file.display());
            in_a_country += usize::from(theirs.contains_key("country"));
        }
    }
    in_a_country
}

/// Where the file's ranges begin, read from it with nothing of the reader that is tested.
fn starts(file: &[u8]) -> Vec<IpAddr> {
    let number = |offset: usize| u32::from_le_bytes(file[offset..offset + 4].try_into().unwrap()) as usize;
    let columns = usize::from(file[1]) * 4;
    let rows = |count: usize, position: usize, width: usize| (0..count).map(move |row| position - 1 + row * width);
    let v4 = rows(number(5), number(9), columns).map(|row| Ipv4Addr::from_bits(number(row) as u32).into());
    let v6 = rows(number(13), number(17), columns + 12)
        .map(|row| Ipv6Addr::from_bits(u128::from_le_bytes(file[row..row + 16].try_into().unwrap())).into());
    v4.chain(v6).collect()
}

#[test]
fn a_country_database_says_what_the_vendors_reader_says() {
    assert!(compare(&fixtures::path("geo/ip2location/IP2LOCATION-LITE-DB1.BIN")) > DRAWN / 2);
}

#[test]
fn one_of_2014_with_ipv6_says_what_the_vendors_reader_says() {
    assert!(compare(&fixtures::path("geo/ip2location/IPV6-COUNTRY.BIN")) > DRAWN / 2);
}

#[test]
fn one_of_2005_says_what_the_vendors_reader_says() {
    assert!(compare(&fixtures::path("geo/ip2location/IP-COUNTRY-SAMPLE.BIN")) > DRAWN / 10);
}

#[test]
fn one_of_all_fields_says_what_the_vendors_reader_says() {
    assert!(compare(&fixtures::path("geo/ip2location/DB24.DEMO4.BIN")) > DRAWN / 2);
}

#[test]
fn city_databases_with_an_index_say_what_the_vendors_reader_says() {
    for file in ["geo/city/logs-DB5.BIN", "geo/city/logs-DB11.BIN"] {
        assert!(compare(&fixtures::path(file)) > DRAWN / 10, "{file}");
    }
}

#[test]
fn a_bin_and_an_mmdb_of_the_same_data_tell_the_same_places() {
    let [bin, mmdb] = ["logs-DB11.BIN", "logs-city-flat.mmdb"].map(|file| {
        let (database, errors) = GeoDatabase::open(&[fixtures::path("geo/city").join(file)]);
        assert!(errors.is_empty(), "{errors:?}");
        let place = |address| (*database.locate(address).place).clone();
        of_web_log().into_iter().map(place).map(|place| (place.country, place.state, place.city)).collect::<Vec<_>>()
    });
    assert!(bin.iter().any(|(_, _, city)| city.as_ref().is_some_and(|city| !city.is_ascii())), "only ASCII");
    assert_eq!(bin, mmdb);
}

#[test]
fn one_of_2006_whose_layout_the_vendors_reader_misreads_is_refused() {
    let (_, errors) = GeoDatabase::open(&[fixtures::path("geo/ip2location").join(MISREAD)]);
    assert_eq!(errors.len(), 1);
}

#[test]
fn every_bin_of_the_fixtures_is_compared_and_so_are_the_extra_ones() {
    assert_eq!(bins_below(&fixtures::path("geo")).len(), 7);
    for file in fixtures::extra().iter().flat_map(|folder| bins_below(folder)) {
        if !(file.ends_with(MISREAD) && DatabaseFile::open(&file).is_err()) {
            assert!(compare(&file) > 0, "{}", file.display());
        }
    }
}

fn bins_below(folder: &Path) -> Vec<PathBuf> {
    let is_bin = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "BIN");
    files_below(folder).into_iter().filter(is_bin).collect()
}
