//! Files come to be whole, once, or not at all.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::contract::fixture::Place;

const MIB: usize = 1 << 20;

/// Enough for several parts and a rest.
const LARGE: usize = 20 * MIB + 7;

/// Bytes of which no part of a file looks like another.
pub fn bytes(length: usize) -> Bytes {
    let pattern: Vec<u8> = (0..65_521).map(|index| (index * 31 + index / 251) as u8).collect();
    let mut bytes = pattern.repeat(length / pattern.len() + 1);
    bytes.truncate(length);
    bytes.into()
}

pub async fn a_file_appears_only_when_it_is_whole(place: Place) {
    let output = place.files.new_output(place.at("a/b/data.parquet")).unwrap();
    let mut writer = output.writer().await.unwrap();
    writer.write("half".into()).await.unwrap();
    assert!(!output.exists().await.unwrap());
    writer.write(" whole".into()).await.unwrap();
    writer.close().await.unwrap();
    assert_eq!(place.read("a/b/data.parquet").await, "half whole");
    place.write("a/b/empty", "").await;
    assert_eq!(place.read("a/b/empty").await, "");
}

pub async fn a_large_file_appears_only_when_it_is_whole(place: Place) {
    let written = bytes(LARGE);
    let output = place.files.new_output(place.at("large")).unwrap();
    let mut writer = output.writer().await.unwrap();
    for piece in [0..3, 3..17 * MIB, 17 * MIB..17 * MIB, 17 * MIB..LARGE] {
        writer.write(written.slice(piece)).await.unwrap();
        assert!(!output.exists().await.unwrap());
    }
    writer.close().await.unwrap();
    assert!(place.read("large").await == written);
    place.write("in one piece", written.slice(..16 * MIB)).await;
    assert!(place.read("in one piece").await == written.slice(..16 * MIB));
}

pub async fn a_file_is_never_overwritten(place: Place) {
    place.write("v1.metadata.json", "first").await;
    let output = place.files.new_output(place.at("v1.metadata.json")).unwrap();
    assert!(output.write("second".into()).await.is_err());
    assert_eq!(place.read("v1.metadata.json").await, "first");
}

pub async fn a_large_file_does_not_overwrite_either(place: Place) {
    place.write("data.parquet", "first").await;
    let output = place.files.new_output(place.at("data.parquet")).unwrap();
    assert!(output.write(bytes(LARGE)).await.is_err());
    assert_eq!(place.read("data.parquet").await, "first");
    assert_eq!(place.names().await, ["data.parquet"]);
}

pub async fn a_file_that_is_given_up_leaves_nothing(place: Place) {
    for length in [4, LARGE] {
        let mut writer = place.files.new_output(place.at("data.parquet")).unwrap().writer().await.unwrap();
        writer.write(bytes(length)).await.unwrap();
        drop(writer);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !place.names().await.is_empty() {
            assert!(Instant::now() < deadline, "{:?}", place.names().await);
        }
    }
}

pub async fn a_closed_file_takes_no_more(place: Place) {
    let mut writer = place.files.new_output(place.at("data.parquet")).unwrap().writer().await.unwrap();
    writer.write("all".into()).await.unwrap();
    writer.close().await.unwrap();
    assert!(writer.write("more".into()).await.is_err());
    assert!(writer.close().await.is_err());
    assert_eq!(place.read("data.parquet").await, "all");
}

pub async fn names_may_hold_odd_characters(place: Place) {
    let names = ["a=b c", "day=2026-01-31/x%3Ay", "plus+and&", "Zürich/日本", "quote'(1)!~", "semi;colon:at@"];
    for name in names {
        place.write(name, name).await;
        assert_eq!(place.read(name).await, name);
    }
    let mut expected: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    assert_eq!(place.names().await, expected);
    for name in names {
        place.files.delete(place.at(name)).await.unwrap();
    }
    assert_eq!(place.names().await, [""; 0]);
}
