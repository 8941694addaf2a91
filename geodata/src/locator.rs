//! Looks visitors' addresses up for one task.

use std::net::IpAddr;
use std::sync::Arc;

use crate::cache::Cache;
use crate::traffic::Lookups;
use crate::{GeoDatabase, LiveDatabase, Located};

/// A reader of the geo databases with its own cache, for one task.
pub struct Locator {
    live: Arc<LiveDatabase>,
    database: Arc<GeoDatabase>,
    cache: Cache,
    lookups: Lookups,
}

impl Locator {
    /// A locator with an empty cache.
    pub fn new(live: Arc<LiveDatabase>) -> Self {
        Self { database: live.current(), live, cache: Cache::default(), lookups: Lookups::default() }
    }

    /// Goes over to the database in use now, and forgets what the one before it told.
    pub fn refresh(&mut self) {
        let current = self.live.current();
        if !Arc::ptr_eq(&current, &self.database) {
            self.database = current;
            self.cache = Cache::default();
        }
    }

    /// Counts the look-ups made since it was last called.
    pub fn count(&mut self) {
        self.live.take(&mut self.lookups);
    }

    /// The place of a visitor's address; unknown for text that is no public address.
    pub fn locate(&mut self, ip: Option<&str>) -> Located {
        let Some(address) = ip.and_then(|text| text.trim().parse::<IpAddr>().ok()) else {
            return Located::default();
        };
        let located = self.cache.locate(&self.database, address);
        self.lookups.add(address, &located);
        located
    }
}

impl Drop for Locator {
    fn drop(&mut self) {
        self.count();
    }
}

#[cfg(test)]
mod tests {
    use event::Place;
    use testkit::fixtures;

    use super::*;

    fn locator(files: &[&str]) -> Locator {
        let (database, errors) = GeoDatabase::open(&files.iter().map(|file| fixtures::path(file)).collect::<Vec<_>>());
        assert!(errors.is_empty(), "{errors:?}");
        Locator::new(Arc::new(LiveDatabase::new(database)))
    }

    #[test]
    fn both_layouts_tell_the_same_place() {
        let mut flat = locator(&["geo/city/logs-city-flat.mmdb"]);
        let mut nested = locator(&["geo/city/logs-city-geoip2.mmdb"]);
        for address in ["8.8.8.8", "83.149.9.216", "2001:4860:4860::8888"] {
            let (flat, nested) = (flat.locate(Some(address)), nested.locate(Some(address)));
            let named = |located: &Located| {
                let Place { country, state, city, .. } = (*located.place).clone();
                (country, state, city)
            };
            assert!(flat.place.country.is_some() && flat.place.city.is_some(), "{address}");
            assert_eq!(named(&flat), named(&nested), "{address}");
        }
    }

    #[test]
    fn every_field_of_a_nested_record_is_read() {
        let located = locator(&["geo/maxmind-db/test-data/GeoIP2-Enterprise-Test.mmdb"]).locate(Some("74.209.24.0"));
        let place = &*located.place;
        assert_eq!(place.geodata(), r#"{"country":"US","state":"New York","city":"Chatham"}"#);
        assert_eq!(place.country_name.as_deref(), Some("United States"));
        assert_eq!((place.region_code.as_deref(), place.continent.as_deref()), (Some("NY"), Some("NA")));
        assert_eq!((place.postcode.as_deref(), place.timezone.as_deref()), (Some("12037"), Some("America/New_York")));
        assert_eq!((place.latitude, place.longitude, place.accuracy_km), (Some(42.3478), Some(-73.5549), Some(27)));
        assert_eq!((place.asn, place.as_org.as_deref()), (Some(14671), Some("FairPoint Communications")));
    }

    #[test]
    fn the_first_database_that_knows_an_address_wins_and_each_row_can_tell_which() {
        let mut pair =
            locator(&["geo/maxmind-db/test-data/MaxMind-DB-test-ipv4-24.mmdb", "geo/city/logs-city-flat.mmdb"]);
        let known = pair.locate(Some("2001:4860:4860::8888")).database.unwrap();
        assert!(known.starts_with("logs-city-flat@20"), "{known}");
        let unknown = pair.locate(Some("2a00::1"));
        assert_eq!(*unknown.place, Place::default());
        assert!(unknown.database.unwrap().contains(','));
        assert_eq!(pair.locate(Some("10.0.0.1")).database, None);
        assert_eq!(pair.locate(Some("not an address")).database, None);
    }

    #[test]
    fn a_row_names_every_database_that_its_place_comes_from() {
        let asn = "geo/maxmind-db/test-data/GeoLite2-ASN-Test.mmdb";
        let mut both =
            locator(&["geo/maxmind-db/test-data/MaxMind-DB-test-ipv4-24.mmdb", "geo/city/logs-city-flat.mmdb", asn]);
        let (first, again) = (both.locate(Some("70.192.0.1")), both.locate(Some("70.192.0.2")));
        assert_eq!((first.place.city.as_deref(), first.place.asn), (Some("Newark"), Some(6167)));
        let names = first.database.clone().unwrap();
        let names: Vec<&str> = names.split(',').map(|name| name.split('@').next().unwrap()).collect();
        assert_eq!(names, ["logs-city-flat", "GeoLite2-ASN"]);
        assert_eq!(first, again);
        assert!(both.locate(Some("83.149.9.216")).database.unwrap().starts_with("logs-city-flat@"));
    }

    #[test]
    fn every_place_of_the_sound_databases_can_be_read() {
        let log = std::fs::read_to_string(fixtures::web_log()).unwrap();
        for file in ["geo/city/logs-city-flat.mmdb", "geo/city/logs-city-geoip2.mmdb"] {
            let mut locator = locator(&[file]);
            let unread = |line: &&str| {
                let place = locator.locate(line.split(' ').next()).place;
                place.country.is_none() || place.latitude.is_none() || place.longitude.is_none()
            };
            assert_eq!(log.lines().filter(unread).take(5).collect::<Vec<_>>(), Vec::<&str>::new(), "{file}");
        }
    }

    #[test]
    fn a_broken_file_is_reported_and_the_others_are_used() {
        let files = [
            fixtures::path("geo/maxmind-db/bad-data/libmaxminddb/libmaxminddb-metadata-marker-only.mmdb"),
            fixtures::path("geo").join("none"),
            fixtures::path("geo/city/logs-city-flat.mmdb"),
        ];
        let (database, errors) = GeoDatabase::open(&files);
        assert_eq!(errors.len(), 2);
        assert_eq!(database.names().count(), 1);
    }
}
