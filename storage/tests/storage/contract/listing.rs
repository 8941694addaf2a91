//! What lies under a location is found.

use std::time::{Duration, SystemTime};

use futures::stream::{self, StreamExt};

use crate::contract::fixture::{Place, s3};

pub async fn files_at_any_depth_are_listed_with_size_and_time(place: Place) {
    place.write("data/day=1/hour=2/one.parquet", "12345").await;
    place.write("data/two.parquet", "1").await;
    place.write("data2/three.parquet", "1").await;
    let mut listed = place.listing.list(&place.at("data")).await.unwrap();
    listed.sort_by_key(|file| file.bytes);
    let found: Vec<_> = listed.iter().map(|file| (file.location.clone(), file.bytes)).collect();
    assert_eq!(found, [(place.at("data/two.parquet"), 1), (place.at("data/day=1/hour=2/one.parquet"), 5)]);
    for file in listed {
        let age = SystemTime::now().duration_since(file.modified).unwrap_or_default();
        assert!(age < Duration::from_secs(60), "{age:?}");
    }
    assert_eq!(place.listing.list(&place.at("none")).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_more_than_a_page_is_complete() {
    let place = s3();
    // A page holds 1,000 names.
    let names: Vec<String> = (0..1_001).map(|number| format!("{number:04}")).collect();
    stream::iter(&names).for_each_concurrent(16, |name| place.write(name, "")).await;
    assert_eq!(place.names().await, names);
}

pub async fn a_folder_is_deleted_with_all_that_is_in_it(place: Place) {
    for name in ["a/b/c", "a/d", "ab"] {
        place.write(name, name).await;
    }
    place.files.delete_prefix(place.at("a")).await.unwrap();
    assert_eq!(place.names().await, ["ab"]);
}
