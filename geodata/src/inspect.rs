//! What a database knows, found out by many look-ups.

use event::Place;

use crate::DatabaseFile;
use crate::refresh::probes;

/// A name, and whether a place has it.
type Field = (&'static str, fn(&Place) -> bool);

/// The fields of a place by the names that `Place` has when it is written as JSON.
const FIELDS: [Field; 13] = [
    ("country", |place| place.country.is_some()),
    ("country_name", |place| place.country_name.is_some()),
    ("state", |place| place.state.is_some()),
    ("region_code", |place| place.region_code.is_some()),
    ("city", |place| place.city.is_some()),
    ("continent", |place| place.continent.is_some()),
    ("postcode", |place| place.postcode.is_some()),
    ("latitude", |place| place.latitude.is_some()),
    ("longitude", |place| place.longitude.is_some()),
    ("accuracy_km", |place| place.accuracy_km.is_some()),
    ("timezone", |place| place.timezone.is_some()),
    ("asn", |place| place.asn.is_some()),
    ("as_org", |place| place.as_org.is_some()),
];

/// What look-ups all over the public address space told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Addresses looked up of IPv4.
    pub ipv4: Found,
    /// Addresses looked up of IPv6.
    pub ipv6: Found,
    /// Names of the fields of a place that some address has.
    pub fields: Vec<&'static str>,
    /// The first failure, if there was one.
    pub first_failure: Option<String>,
}

/// What became of the look-ups of one kind of address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// All of them.
    pub looked_up: u64,
    /// Those of which something is known.
    pub known: u64,
    /// Those that failed, because the file is damaged.
    pub failed: u64,
}

/// Looks so many addresses of each kind up, evenly spread. Blocks meanwhile: a million takes about a second.
pub fn inspect(file: &DatabaseFile, per_kind: u32) -> Inspection {
    let mut inspection = Inspection::default();
    let mut has = [false; FIELDS.len()];
    for address in probes::spread(per_kind) {
        let found = if address.is_ipv4() { &mut inspection.ipv4 } else { &mut inspection.ipv6 };
        found.looked_up += 1;
        match file.probe(address) {
            Ok(None) => {}
            Ok(Some(place)) => {
                found.known += u64::from(place != Place::default());
                FIELDS.iter().zip(&mut has).for_each(|((_, knows), has)| *has |= knows(&place));
            }
            Err(error) => {
                found.failed += 1;
                inspection.first_failure.get_or_insert_with(|| format!("{address}: {error}"));
            }
        }
    }
    inspection.fields = FIELDS.iter().zip(has).filter(|(_, has)| *has).map(|((name, _), _)| *name).collect();
    inspection
}

#[cfg(test)]
mod tests {
    use testkit::fixtures;

    use super::*;

    fn inspected(name: &str) -> Inspection {
        inspect(&DatabaseFile::open(&fixtures::path(name)).unwrap(), 20_000)
    }

    #[test]
    fn an_inspection_tells_what_a_database_knows() {
        let country = inspected("geo/ip2location/IP2LOCATION-LITE-DB1.BIN");
        assert_eq!(country.fields, ["country", "country_name"]);
        assert!(country.ipv4.known > 17_000 && country.ipv6.known == 0, "{country:?}");
        assert_eq!(country.first_failure, None);
        let city = inspected("geo/city/logs-DB11.BIN");
        assert_eq!(city.fields, ["country", "country_name", "state", "city", "latitude", "longitude"]);
        assert!(city.ipv4.known < city.ipv4.looked_up, "{city:?}");
    }

    #[test]
    fn an_inspection_tells_of_damage() {
        let damaged = inspected("geo/maxmind-db/test-data/GeoIP2-City-Test-Broken-Double-Format.mmdb");
        assert!(damaged.ipv6.failed > 10 && damaged.ipv6.known > 5, "{damaged:?}");
        assert!(damaged.first_failure.is_some_and(|failure| failure.contains(": ")));
    }

    #[test]
    fn every_field_of_a_place_has_a_name() {
        let place = serde_json::to_value(Place::default()).unwrap();
        let names = FIELDS.map(|(name, _)| name);
        assert!(names.iter().all(|name| place.get(name).is_some()));
        assert_eq!(place.as_object().unwrap().len(), names.len());
    }
}
