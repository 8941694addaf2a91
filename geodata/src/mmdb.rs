//! MaxMind DB files in both layouts: nested (GeoIP2, GeoLite2) and flat (ip-location-db).
//!
//! One record type serves both, because their keys do not clash but for `city`, which is a map in one and text in the other.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate};
use event::Place;
use foldhash::fast::RandomState;
use maxminddb::{MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::tree::{Layout, SearchTree};

/// What the metadata of every MMDB file begin with; they lie within the last 128 KiB (MaxMind DB file format
/// specification 2.0).
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
const METADATA_MAX_BYTES: usize = 128 * 1024;

/// An MMDB file held in memory: a mapped file that somebody truncates would kill the process.
pub(crate) struct Mmdb {
    reader: Reader<Bytes>,
    tree: SearchTree,
}

impl Mmdb {
    /// Whether these bytes claim to be an MMDB file.
    pub fn is_marked(bytes: &[u8]) -> bool {
        let tail = &bytes[bytes.len().saturating_sub(METADATA_MAX_BYTES)..];
        tail.windows(METADATA_MARKER.len()).any(|window| window == METADATA_MARKER)
    }

    /// Reads the metadata of a file's bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, MaxMindDbError> {
        let bytes = Bytes::from(bytes);
        let reader = Reader::from_source(bytes.clone())?;
        let metadata = reader.metadata();
        let layout = Layout {
            node_count: metadata.node_count,
            record_bits: metadata.record_size,
            ip_version: metadata.ip_version,
        };
        Ok(Self { tree: SearchTree::new(bytes, layout), reader })
    }

    /// The kind of database as its maker names it; may be empty.
    pub fn name(&self) -> &str {
        &self.reader.metadata().database_type
    }

    /// When it was built.
    pub fn built(&self) -> Option<NaiveDate> {
        let seconds = i64::try_from(self.reader.metadata().build_epoch).ok()?;
        DateTime::from_timestamp(seconds, 0).map(|time| time.date_naive())
    }

    /// Where the record of a routable address stands: the same offset is the same place. `None` when it is not known.
    pub fn find(&self, address: IpAddr) -> Option<usize> {
        self.tree.find(address)
    }

    /// The place of a routable address that has a record.
    pub fn place(&self, address: IpAddr) -> Result<Place, MaxMindDbError> {
        let record = self.reader.lookup(address)?.decode::<Record<'_>>()?;
        Ok(record.map(Place::from).unwrap_or_default())
    }

    /// Reads every record once.
    ///
    /// # Errors
    /// When one cannot be read, or the tree has more ends than nodes allow, as one that leads back into itself has.
    pub fn verify(&self) -> Result<(), MaxMindDbError> {
        let mut ends_left = u64::from(self.reader.metadata().node_count) * 2;
        let mut read = HashSet::<_, RandomState>::default();
        // Ends without a record count too: a few nodes that meet again and again have more of them than could ever be visited.
        let every_end = WithinOptions::default().include_networks_without_data();
        for network in self.reader.networks(every_end)? {
            let network = network?;
            if network.offset().is_some_and(|offset| read.insert(offset)) {
                network.decode::<Record<'_>>()?;
            }
            let fault = || MaxMindDbError::invalid_database("the search tree leads back into itself");
            ends_left = ends_left.checked_sub(1).ok_or_else(fault)?;
        }
        Ok(())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    country: Country<'a>,
    continent: Continent<'a>,
    subdivisions: First<Subdivision<'a>>,
    city: City<'a>,
    postal: Postal<'a>,
    location: Location<'a>,
    traits: Network<'a>,
    country_code: Option<&'a str>,
    state1: Option<&'a str>,
    postcode: Option<&'a str>,
    latitude: Number,
    longitude: Number,
    timezone: Option<&'a str>,
    autonomous_system_number: Number,
    autonomous_system_organization: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
    #[serde(borrow)]
    names: Names<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Continent<'a> {
    code: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Subdivision<'a> {
    iso_code: Option<&'a str>,
    #[serde(borrow)]
    names: Names<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Postal<'a> {
    code: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Location<'a> {
    latitude: Number,
    longitude: Number,
    accuracy_radius: Number,
    time_zone: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Network<'a> {
    autonomous_system_number: Number,
    autonomous_system_organization: Option<&'a str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Names<'a> {
    en: Option<&'a str>,
}

/// The first element of a list; a list of many thousand costs no memory.
struct First<T>(Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstVisitor(PhantomData)).map(Self)
    }
}

struct FirstVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }
}

#[derive(Default)]
struct City<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for City<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CityVisitor).map(City)
    }
}

struct CityVisitor;

impl<'de> Visitor<'de> for CityVisitor {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a city's name, or a map with its names")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Some(name))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut name = None;
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "names" => name = map.next_value::<Names<'de>>()?.en,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(name)
    }
}

/// A number of whichever type the database has: DB-IP's coordinates are floats, MaxMind's are doubles. Exact for every
/// value that occurs: `f64` holds all 32-bit integers.
#[derive(Default)]
struct Number(Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(|number| Self(Some(number)))
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_f32<E>(self, number: f32) -> Result<f64, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_i64<E>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }
}

/// A whole number in the range of its type.
fn whole<T: TryFrom<i64>>(number: Option<f64>) -> Option<T> {
    number.filter(|number| number.fract() == 0.0).and_then(|number| T::try_from(number as i64).ok())
}

impl From<Record<'_>> for Place {
    fn from(record: Record<'_>) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        let asn = record.autonomous_system_number.0.or(record.traits.autonomous_system_number.0);
        let region = record.subdivisions.0.unwrap_or_default();
        Self {
            country: text(record.country.iso_code.or(record.country_code)),
            country_name: text(record.country.names.en),
            state: text(region.names.en.or(record.state1)),
            region_code: text(region.iso_code),
            city: text(record.city.0),
            continent: text(record.continent.code),
            postcode: text(record.postal.code.or(record.postcode)),
            latitude: record.location.latitude.0.or(record.latitude.0),
            longitude: record.location.longitude.0.or(record.longitude.0),
            accuracy_km: whole(record.location.accuracy_radius.0),
            timezone: text(record.location.time_zone.or(record.timezone)),
            asn: whole(asn),
            as_org: text(record.autonomous_system_organization.or(record.traits.autonomous_system_organization)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::de::value::{Error, F32Deserializer, F64Deserializer, U16Deserializer, U32Deserializer};

    use super::*;

    #[test]
    fn a_number_may_have_any_type() {
        let numbers = [
            Number::deserialize(F32Deserializer::<Error>::new(37.5)),
            Number::deserialize(F64Deserializer::<Error>::new(37.5)),
            Number::deserialize(U16Deserializer::<Error>::new(1000)),
            Number::deserialize(U32Deserializer::<Error>::new(u32::MAX)),
        ];
        let numbers = numbers.map(|number| number.unwrap().0);
        assert_eq!(numbers, [Some(37.5), Some(37.5), Some(1000.0), Some(4_294_967_295.0)]);
    }
}
