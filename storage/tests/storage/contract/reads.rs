//! Files are read by ranges, and deleted.

use crate::contract::fixture::Place;
use crate::contract::writes::bytes;

pub async fn any_range_of_a_file_can_be_read(place: Place) {
    let written = bytes(100_000);
    place.write("data.parquet", written.clone()).await;
    let input = place.files.new_input(place.at("data.parquet")).unwrap();
    assert_eq!(input.metadata().await.unwrap().size, 100_000);
    let reader = input.reader().await.unwrap();
    for range in [0..1, 0..100_000, 99_992..100_000, 5..50_000] {
        assert!(reader.read(range.clone()).await.unwrap() == written.slice(range.start as usize..range.end as usize));
    }
    assert!(reader.read(99_999..100_001).await.is_err());
}

pub async fn what_is_not_there_is_told(place: Place) {
    let input = place.files.new_input(place.at("none")).unwrap();
    assert!(!input.exists().await.unwrap());
    assert!(input.metadata().await.is_err());
    let error = input.read().await.unwrap_err().to_string();
    assert!(error.contains("/none"), "{error}");
    place.write("folder/file", "x").await;
    assert!(!place.files.exists(place.at("fold")).await.unwrap());
}

pub async fn deleting_what_is_not_there_succeeds(place: Place) {
    place.files.delete(place.at("none")).await.unwrap();
    place.files.delete_prefix(place.at("none")).await.unwrap();
    assert!(place.files.delete("ftp://host/none").await.is_err());
}

pub async fn many_files_are_deleted_together(place: Place) {
    for name in ["a", "b/c", "kept"] {
        place.write(name, name).await;
    }
    let gone = ["a", "none", "b/c"].map(|name| place.at(name));
    place.files.delete_stream(futures::stream::iter(gone)).await.unwrap();
    assert_eq!(place.names().await, ["kept"]);
}
