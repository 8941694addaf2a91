//! Look-ups in the cache cost no memory.

use std::sync::Arc;

use allocation_counter::measure;
use geodata::{GeoDatabase, LiveDatabase, Locator};
use testkit::fixtures;

#[test]
fn a_place_that_was_told_before_is_told_again_without_an_allocation() {
    let log = std::fs::read_to_string(fixtures::web_log()).expect("the web log is a fixture");
    let files =
        ["geo/city/logs-city-flat.mmdb", "geo/city/logs-DB11.BIN", "geo/maxmind-db/test-data/GeoLite2-ASN-Test.mmdb"];
    let (database, errors) = GeoDatabase::open(&files.map(fixtures::path));
    assert!(errors.is_empty(), "{errors:?}");
    let mut locator = Locator::new(Arc::new(LiveDatabase::new(database)));

    let mut locate_all =
        || log.lines().filter(|line| locator.locate(line.split(' ').next()).place.city.is_some()).count();
    let mut known = 0;
    assert!(measure(|| known = locate_all()).count_total > 0);
    assert!(known > 9_000, "{known} of 10,000");
    assert_eq!(measure(|| known = locate_all()).count_total, 0);
}
