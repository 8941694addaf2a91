//! BIN files of every type, DB1 to DB26, made here: no free ones exist of most.

use std::fs;
use std::net::IpAddr;

use geodata::GeoDatabase;

use super::reference::{fields, places};

/// As many as the widest type has; readers go by the number that the header says.
const COLUMNS: usize = 28;
const HEADER_BYTES: usize = 64;

/// A file of this type with two ranges of IPv4 and two of IPv6. Every column holds a text that tells its range and its number,
/// but for the country and the coordinates.
fn file(database_type: u8) -> Vec<u8> {
    let tables: [&[&str]; 2] =
        [&["0.0.0.0", "8.8.0.0", "255.255.255.255"], &["::", "2a00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]];
    let (v4_row, v6_row) = (COLUMNS * 4, COLUMNS * 4 + 12);
    let (v4_start, v6_start) = (HEADER_BYTES, HEADER_BYTES + 3 * v4_row);
    let mut rows = Vec::new();
    let mut texts = Vec::new();
    for (range, start) in tables.into_iter().flatten().enumerate() {
        rows.extend(little_endian(start.parse().unwrap()));
        for column in 2..=COLUMNS {
            let position = v6_start + 3 * v6_row + texts.len();
            rows.extend(if has_coordinates(database_type) && matches!(column, 5 | 6) {
                (range as f32 * 10.1 + column as f32).to_le_bytes()
            } else {
                (position as u32).to_le_bytes()
            });
            texts.extend(text(range, column));
        }
    }
    let mut file = vec![database_type, COLUMNS as u8, 26, 1, 2];
    for number in [3, v4_start + 1, 3, v6_start + 1, 0, 0] {
        file.extend((number as u32).to_le_bytes());
    }
    file.extend([1, 2]);
    file.resize(HEADER_BYTES, 0);
    [file, rows, texts].concat()
}

/// The types that place an address on the map.
fn has_coordinates(database_type: u8) -> bool {
    !matches!(database_type, 1..=4 | 7)
}

fn text(range: usize, column: usize) -> Vec<u8> {
    match column {
        2 => [2, b'A' + range as u8, b'Z'].into_iter().chain(*b"\x04Land").collect(),
        _ => format!("\x03{}{column:02}", range + 1).into_bytes(),
    }
}

fn little_endian(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.to_bits().to_le_bytes().to_vec(),
        IpAddr::V6(address) => address.to_bits().to_le_bytes().to_vec(),
    }
}

#[test]
fn every_type_of_bin_says_what_the_vendors_reader_says() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = ["1.1.1.1", "8.8.8.8", "2001:4860:4860::8888", "2a02:26f0::1"].map(|text| text.parse().unwrap());
    for database_type in 1..=26 {
        let path = folder.path().join(format!("DB{database_type}.BIN"));
        fs::write(&path, file(database_type)).unwrap();
        let (database, errors) = GeoDatabase::open(std::slice::from_ref(&path));
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(database.names().collect::<Vec<_>>(), [format!("IP2LOCATION-DB{database_type}@2026-01-02")]);
        for (address, theirs) in addresses.iter().zip(places("bin", &path, &addresses)) {
            let ours = fields(&database.locate(*address).place);
            assert_eq!(ours, *theirs, "{address} in DB{database_type}");
            assert!(ours.len() >= 2 && has_coordinates(database_type) == ours.contains_key("latitude"), "{ours:?}");
        }
    }
}
