//! Which column of a row holds which field, for each type of database.
//!
//! Source: the tables `_COUNTRY_POSITION` to `_AS_POSITION` of the vendor's Python reader, version 8.11.0.

/// The types that there are: DB1 to DB26.
pub(super) const DATABASE_TYPES: std::ops::RangeInclusive<u8> = 1..=26;

/// By type of database, a field's column; 0 where that type lacks it. Column 1 is the range's first address.
type Positions = [u8; 27];

const COUNTRY: Positions = [0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2];
const REGION: Positions = [0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3];
const CITY: Positions = [0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];
const LATITUDE: Positions = [0, 0, 0, 0, 0, 5, 5, 0, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5];
const LONGITUDE: Positions = [0, 0, 0, 0, 0, 6, 6, 0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6];
const POSTCODE: Positions = [0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 0, 7, 7, 7, 0, 7, 0, 7, 7, 7, 0, 7, 7, 7];
const TIMEZONE: Positions = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 7, 8, 8, 8, 7, 8, 0, 8, 8, 8, 0, 8, 8, 8];
const ASN: Positions = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24];
const AS_NAME: Positions = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25];

/// Where a row's fields stand, in bytes after the range's first address; `None` for those that the type lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub country: Option<usize>,
    pub region: Option<usize>,
    pub city: Option<usize>,
    pub latitude: Option<usize>,
    pub longitude: Option<usize>,
    pub postcode: Option<usize>,
    pub timezone: Option<usize>,
    pub asn: Option<usize>,
    pub as_name: Option<usize>,
}

impl Columns {
    /// The columns of a type; none of any other than [`DATABASE_TYPES`].
    pub fn of(database_type: u8) -> Self {
        let offset = |positions| column(positions, database_type).map(|column| (usize::from(column) - 2) * 4);
        Self {
            country: offset(&COUNTRY),
            region: offset(&REGION),
            city: offset(&CITY),
            latitude: offset(&LATITUDE),
            longitude: offset(&LONGITUDE),
            postcode: offset(&POSTCODE),
            timezone: offset(&TIMEZONE),
            asn: offset(&ASN),
            as_name: offset(&AS_NAME),
        }
    }
}

/// How many columns a row of this type has at least, by the fields that are read.
pub(super) fn needed(database_type: u8) -> u8 {
    let all = [&COUNTRY, &REGION, &CITY, &LATITUDE, &LONGITUDE, &POSTCODE, &TIMEZONE, &ASN, &AS_NAME];
    all.into_iter().filter_map(|positions| column(positions, database_type)).max().unwrap_or_default()
}

fn column(positions: &Positions, database_type: u8) -> Option<u8> {
    positions.get(usize::from(database_type)).copied().filter(|column| *column > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_the_fields_that_its_product_page_names() {
        let db1 = Columns::of(1);
        assert_eq!((db1.country, db1.region, db1.latitude), (Some(0), None, None));
        let db3 = Columns::of(3);
        assert_eq!((db3.region, db3.city, db3.latitude), (Some(4), Some(8), None));
        let db11 = Columns::of(11);
        assert_eq!((db11.latitude, db11.longitude), (Some(12), Some(16)));
        assert_eq!((db11.postcode, db11.timezone, db11.asn), (Some(20), Some(24), None));
        let db13 = Columns::of(13);
        assert_eq!((db13.postcode, db13.timezone), (None, Some(20)));
        let db26 = Columns::of(26);
        assert_eq!((db26.asn, db26.as_name), (Some(88), Some(92)));
    }

    #[test]
    fn every_field_read_lies_in_a_row_with_the_needed_columns() {
        for database_type in DATABASE_TYPES {
            assert!(needed(database_type) >= 2, "DB{database_type}");
        }
        assert_eq!([1, 3, 5, 11, 24, 26].map(needed), [2, 4, 6, 8, 8, 25]);
        assert_eq!((needed(0), needed(27), needed(255)), (0, 0, 0));
    }
}
