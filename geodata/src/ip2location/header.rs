//! The first 64 bytes of a BIN file. They hold no mark, so everything in them is checked before it is believed.

use chrono::NaiveDate;

use super::BinError;
use super::columns::{DATABASE_TYPES, needed};
use super::row::number;

/// How long the header is: what it names stands after it.
pub(super) const HEADER_BYTES: usize = 64;

const IP2LOCATION: u8 = 1;
/// Files from before 2021 have no product code.
const NO_PRODUCT: u8 = 0;

/// What a header tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub database_type: u8,
    pub columns: u8,
    pub built: NaiveDate,
    pub ipv4: Extent,
    pub ipv6: Extent,
}

/// Where a table stands. Both positions count from 1; an index position within the header, as 0 and 1 are, means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub rows: u32,
    pub position: u32,
    pub index_position: u32,
}

impl Header {
    /// Reads the header of a whole file.
    pub fn read(file: &[u8]) -> Result<Self, BinError> {
        if let Some(what) = foreign(file) {
            return Err(BinError::Foreign(what));
        }
        let header: &[u8; HEADER_BYTES] = file.first_chunk().ok_or(BinError::Short(file.len()))?;
        let [database_type, columns, year, month, day, ..] = *header;
        check_kind(database_type, columns, header[29])?;
        let built = NaiveDate::from_ymd_opt(2000 + i32::from(year), month.into(), day.into());
        let built = built.ok_or(BinError::Date(year, month, day))?;
        check_size(number(header, 31)?, file.len())?;
        let [ipv4_rows, ipv4_position, ipv6_rows, ipv6_position, ipv4_index, ipv6_index] =
            [5, 9, 13, 17, 21, 25].map(|offset| number(header, offset));
        let ipv4 = Extent { rows: ipv4_rows?, position: ipv4_position?, index_position: ipv4_index? };
        let ipv6 = Extent { rows: ipv6_rows?, position: ipv6_position?, index_position: ipv6_index? };
        Ok(Self { database_type, columns, built, ipv4, ipv6 })
    }
}

fn check_kind(database_type: u8, columns: u8, product: u8) -> Result<(), BinError> {
    if !DATABASE_TYPES.contains(&database_type) {
        return Err(BinError::Type(database_type));
    }
    if product != IP2LOCATION && product != NO_PRODUCT {
        return Err(BinError::Product(product));
    }
    let needed = needed(database_type);
    if columns < needed { Err(BinError::Columns { database_type, needed, columns }) } else { Ok(()) }
}

/// Older files state no size: it is 0.
fn check_size(stated: u32, actual: usize) -> Result<(), BinError> {
    if u64::from(stated) > actual as u64 { Err(BinError::Cut { stated, actual }) } else { Ok(()) }
}

/// What a file is that is sometimes found in a BIN's place: what it came packed in, a server's excuse, or nothing yet.
fn foreign(file: &[u8]) -> Option<&'static str> {
    let start = &file[..file.len().min(HEADER_BYTES)];
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match start {
        [] => Some("empty"),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some("a zip archive"),
        [0x1f, 0x8b, ..] => Some("gzip data"),
        _ if start.iter().all(|byte| *byte == 0) => Some("nothing but zeros at its beginning"),
        _ if text.starts_with(b"<") => Some("a page of HTML or XML"),
        _ if text.iter().all(is_text) => Some("plain text"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of IP2LOCATION-LITE-DB1.BIN.
    fn header() -> Vec<u8> {
        let mut header =
            vec![1, 2, 0x15, 5, 0x1c, 0x2e, 0x35, 3, 0, 0x41, 0, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x41, 0, 0, 0];
        header.extend([1, 0, 0, 0, 1, 2, 64, 0, 0, 0]);
        header.resize(HEADER_BYTES, 0);
        header
    }

    fn with(offset: usize, bytes: &[u8]) -> Result<Header, BinError> {
        let mut header = header();
        header[offset..offset + bytes.len()].copy_from_slice(bytes);
        Header::read(&header)
    }

    #[test]
    fn a_header_tells_its_type_its_date_and_its_tables() {
        let read = Header::read(&header()).unwrap();
        assert_eq!((read.database_type, read.columns), (1, 2));
        assert_eq!(read.built.to_string(), "2021-05-28");
        assert_eq!(read.ipv4, Extent { rows: 210_222, position: 524_353, index_position: 65 });
        assert_eq!(read.ipv6, Extent { rows: 0, position: 1, index_position: 1 });
    }

    #[test]
    fn what_is_no_bin_of_ip2location_is_refused_by_what_is_wrong() {
        assert_eq!(with(0, &[0]), Err(BinError::Type(0)));
        assert_eq!(with(0, &[27]), Err(BinError::Type(27)));
        assert_eq!(with(1, &[1]), Err(BinError::Columns { database_type: 1, needed: 2, columns: 1 }));
        assert_eq!(with(2, &[21, 2, 29]), Err(BinError::Date(21, 2, 29)));
        assert_eq!(with(29, &[2]), Err(BinError::Product(2)));
        assert_eq!(with(31, &[65]), Err(BinError::Cut { stated: 65, actual: 64 }));
        assert_eq!(with(31, &[255; 4]), Err(BinError::Cut { stated: u32::MAX, actual: 64 }));
        assert_eq!(Header::read(&header()[..63]), Err(BinError::Short(63)));
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        for (file, name) in [
            (&b""[..], "empty"),
            (b"PK\x03\x04\x14\x00\x08\x00", "a zip archive"),
            (b"\x1f\x8b\x08\x00", "gzip data"),
            (&[0; 4096], "nothing but zeros at its beginning"),
            (b"<!DOCTYPE html>", "a page of HTML or XML"),
            (b"\xef\xbb\xbf\n <?xml version", "a page of HTML or XML"),
            (b"THIS FILE CAN ONLY BE DOWNLOADED 5 TIMES PER 24 HOURS", "plain text"),
            (b"\nNO PERMISSION", "plain text"),
        ] {
            assert_eq!(Header::read(file), Err(BinError::Foreign(name)));
        }
    }
}
