//! One type for the records of both layouts, whose keys do not clash but for `city`: a map in one and text in the other.

use std::fmt;
use std::marker::PhantomData;

use event::Place;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is read of a record; all else is skipped.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Record<'a> {
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
