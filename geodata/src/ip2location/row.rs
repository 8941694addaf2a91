//! From a row's columns to a place.

use std::str;

use event::Place;

use super::BinError;
use super::columns::Columns;

/// A country's name stands behind its code, which always has two letters and a length.
const NAME_BEHIND_CODE: usize = 3;
/// What demonstration files say in place of what they do not tell.
const WITHHELD: &str = "This record is unavailable";

/// The place whose columns stand at this offset, as the file tells it, however implausible.
pub(super) fn place(file: &[u8], row: usize, columns: &Columns) -> Result<Place, BinError> {
    let text_at = |column: Option<usize>, further: usize| match column {
        Some(column) => text(file, (number(file, row.saturating_add(column))? as usize).saturating_add(further)),
        None => Ok(None),
    };
    let degrees_at = |column: Option<usize>| match column {
        Some(column) => number(file, row.saturating_add(column)).map(|bits| Some(degrees(bits))),
        None => Ok(None),
    };
    let country = text_at(columns.country, 0)?;
    let (latitude, longitude) = (degrees_at(columns.latitude)?, degrees_at(columns.longitude)?);
    let is_nowhere = country.is_none() && (latitude, longitude) == (Some(0.0), Some(0.0));
    Ok(Place {
        country,
        country_name: text_at(columns.country, NAME_BEHIND_CODE)?,
        state: text_at(columns.region, 0)?,
        city: text_at(columns.city, 0)?,
        postcode: text_at(columns.postcode, 0)?,
        latitude: latitude.filter(|_| !is_nowhere),
        longitude: longitude.filter(|_| !is_nowhere),
        timezone: text_at(columns.timezone, 0)?,
        asn: text_at(columns.asn, 0)?.and_then(|number| number.parse().ok()),
        as_org: text_at(columns.as_name, 0)?,
        ..Place::default()
    })
}

/// A little-endian number at an offset.
pub(super) fn number(file: &[u8], offset: usize) -> Result<u32, BinError> {
    let bytes = file.get(offset..).and_then(|rest| rest.first_chunk());
    bytes.map(|bytes| u32::from_le_bytes(*bytes)).ok_or(BinError::Beyond(offset))
}

/// The degrees that a column holds as the bits of a float, to the vendor's six decimals.
fn degrees(bits: u32) -> f64 {
    (f64::from(f32::from_bits(bits)) * 1e6).round_ties_even() / 1e6
}

/// The text at an offset, a length and so many bytes; `None` when it stands for nothing. UTF-8, or else ISO 8859-1, which is
/// how the vendor's readers take it.
fn text(file: &[u8], offset: usize) -> Result<Option<String>, BinError> {
    let rest = file.get(offset..).unwrap_or_default();
    let (length, rest) = rest.split_first().ok_or(BinError::Beyond(offset))?;
    let bytes = rest.get(..usize::from(*length)).ok_or(BinError::Beyond(offset))?;
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let is_known = !matches!(&*text, "" | "-") && !text.starts_with(WITHHELD);
    Ok(is_known.then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts, each with its length before it, behind one byte that is none of them.
    fn file(texts: &[&[u8]]) -> Vec<u8> {
        let prefixed = texts.iter().flat_map(|text| [&[text.len() as u8], *text].concat());
        std::iter::once(b'?').chain(prefixed).collect()
    }

    fn read(bytes: &[u8]) -> Result<Option<String>, BinError> {
        text(&file(&[bytes]), 1)
    }

    #[test]
    fn a_text_is_utf8_or_else_iso_8859_1() {
        assert_eq!(read("São Paulo".as_bytes()), Ok(Some("São Paulo".into())));
        assert_eq!(read(b"S\xe3o Paulo"), Ok(Some("São Paulo".into())));
        assert_eq!(read(&[b'a'; 255]), Ok(Some("a".repeat(255))));
    }

    #[test]
    fn what_stands_for_nothing_is_absent() {
        for nothing in ["", "-", "This record is unavailable in demo version. Please subscribe."] {
            assert_eq!(read(nothing.as_bytes()), Ok(None));
        }
        assert_eq!(read(b"--"), Ok(Some("--".into())));
    }

    #[test]
    fn what_is_not_in_the_file_is_an_error() {
        assert_eq!(text(b"\x02a", 0), Err(BinError::Beyond(0)));
        assert_eq!(text(b"", 0), Err(BinError::Beyond(0)));
        assert_eq!(text(b"abc", usize::MAX), Err(BinError::Beyond(usize::MAX)));
        assert_eq!(number(&[1, 0, 0, 0, 2], 0), Ok(1));
        assert_eq!(number(&[1, 0, 0, 0, 2], 2), Err(BinError::Beyond(2)));
        assert_eq!(number(&[], usize::MAX), Err(BinError::Beyond(usize::MAX)));
    }

    #[test]
    fn degrees_have_six_decimals() {
        assert_eq!(degrees(37.422_f32.to_bits()), 37.422_001);
        assert_eq!(degrees((-122.085_f32).to_bits()), -122.084_999);
        assert_eq!(
            degrees(0.007_812_5_f32.to_bits()),
            0.007_812,
            "halves go to the even digit, as the vendor's reader rounds"
        );
        assert!(degrees(f32::NAN.to_bits()).is_nan());
    }

    /// A row of a DB26, whose columns count from 2, with what stands behind it.
    fn db26(country: &[u8], asn: &[u8], latitude: f32) -> Place {
        let texts = [country, b"Atlantis", b"-", b"64500", asn, b"Net"];
        let mut offsets = [0; 24];
        let mut strings = Vec::new();
        for (column, text) in [2, 3, 4, 7, 24, 25].into_iter().zip(texts) {
            offsets[column - 2] = 24 * 4 + strings.len() as u32;
            strings.extend([&[text.len() as u8], text].concat());
            // A country's name stands behind its code, padded to two letters.
            strings.extend(if column == 2 { [&b" "[text.len() - 1..], b"\x01-"].concat() } else { Vec::new() });
        }
        offsets[8 - 2] = offsets[4 - 2];
        (offsets[5 - 2], offsets[6 - 2]) = (latitude.to_bits(), 0_f32.to_bits());
        let file: Vec<u8> = offsets.iter().flat_map(|offset| offset.to_le_bytes()).chain(strings).collect();
        place(&file, 0, &Columns::of(26)).unwrap()
    }

    #[test]
    fn the_columns_of_a_row_are_the_fields_of_a_place() {
        let expected = Place {
            country: Some("XA".into()),
            state: Some("Atlantis".into()),
            postcode: Some("64500".into()),
            latitude: Some(0.0),
            longitude: Some(0.0),
            asn: Some(15169),
            as_org: Some("Net".into()),
            ..Place::default()
        };
        assert_eq!(db26(b"XA", b"15169", 0.0), expected);
    }

    #[test]
    fn what_a_row_does_not_know_is_absent() {
        let coordinates = |place: Place| (place.country, place.latitude, place.longitude);
        assert_eq!(coordinates(db26(b"-", b"-", 0.0)), (None, None, None));
        assert_eq!(coordinates(db26(b"-", b"-", 1.5)), (None, Some(1.5), Some(0.0)));
        for asn in [&b"-"[..], b"", b"AS1", b"-1", b"4294967296"] {
            assert_eq!(db26(b"XA", asn, 0.0).asn, None);
        }
    }
}
