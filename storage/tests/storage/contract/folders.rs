//! Folders on local disk that no file is in any more.

use std::time::Duration;

use crate::contract::fixture::local;

#[tokio::test]
async fn folders_that_were_left_empty_are_removed_once_they_are_old() {
    let place = local();
    for name in ["data/day=1/hour=1/a", "data/day=1/hour=2/b", "data/day=2/c"] {
        place.write(name, name).await;
        if name != "data/day=2/c" {
            place.files.delete(place.at(name)).await.unwrap();
        }
    }
    let remove = async |age| place.listing.remove_empty_folders(&place.at("data"), age).await.unwrap();
    assert_eq!(remove(Duration::from_secs(3_600)).await, 0, "a file may be about to come");
    assert_eq!(remove(Duration::ZERO).await, 3);
    assert_eq!(remove(Duration::ZERO).await, 0);
    place.write("data/day=1/hour=1/d", "d").await;
    assert_eq!(place.names().await, ["data/day=1/hour=1/d", "data/day=2/c"]);
}
