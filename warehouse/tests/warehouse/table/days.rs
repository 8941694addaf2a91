//! Files and days: one partition a day, whatever the order of events, and nothing left of what is given up.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use event::Enriched;
use iceberg::expr::Predicate;
use serde_json::json;
use warehouse::{Config, Table};

use lakekit::table::*;

const DAY: i64 = 86_400_000_000;

/// Events of so many days, three of each, the days as mixed as can be.
fn events_of_many_days(days: i64) -> Vec<Enriched> {
    (0..days * 3).map(|offset| at_micros(offset, offset * 37 % days * DAY + offset)).collect()
}

fn frugal() -> Config {
    let mut config = Config::default();
    config.files.open_files = 0;
    config.files.buffer_bytes = 64 << 10;
    config.files.spill_bytes = 1 << 20;
    config
}

#[tokio::test]
async fn each_day_has_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[at_micros(0, DAY - 1), at_micros(1, DAY), at_micros(2, 2 * DAY - 1)]).await;
    let mut days: Vec<String> = data_files(folder.path())
        .iter()
        .map(|file| file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    days.sort();
    assert_eq!(days, ["event_timestamp_day=1970-01-01", "event_timestamp_day=1970-01-02"]);
}

#[tokio::test]
async fn many_days_at_once_make_one_file_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), &frugal()).await.unwrap();
    let events = events_of_many_days(200);
    let mut writer = table.writer().unwrap();
    let mut spilled = 0;
    for piece in events.chunks(50) {
        writer.write(vec![piece.to_vec()]).await.unwrap();
        spilled = spilled.max(writer.spilled_bytes());
    }
    assert!(spilled > 0);
    let files = writer.close().await.unwrap();
    assert_eq!((files.rows(), files.count(), data_files(folder.path()).len()), (600, 200, 200));
    table.append(files, &advance(None, 600)).await.unwrap();
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 600);
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 600, "distinct_ids": 600}));
    }
}

#[tokio::test]
async fn temporary_files_that_grow_too_large_become_data_files_before_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), &frugal()).await.unwrap();
    let events: Vec<Enriched> = (0..20_000).map(|offset| with_url(offset, format!("/{offset:0>200}"))).collect();
    let mut writer = table.writer().unwrap();
    let mut spilled = 0;
    for piece in events.chunks(1_000) {
        writer.write(vec![piece.to_vec()]).await.unwrap();
        spilled = spilled.max(writer.spilled_bytes());
    }
    assert!((500 << 10..3 << 20).contains(&spilled), "{spilled}");
    let files = writer.close().await.unwrap();
    assert!(files.count() > 1 && files.rows() == 20_000, "{} files", files.count());
    table.append(files, &advance(None, 20_000)).await.unwrap();
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 20_000, "distinct_ids": 20_000}));
    }
}

#[tokio::test]
async fn a_file_that_reaches_its_target_size_is_followed_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.files.target_file_bytes = 100 << 10;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    let noise = |offset: i64| -> String { (0..40).map(|part| bare(offset * 40 + part).event.id.to_string()).collect() };
    let events: Vec<Enriched> = (0..8_000).map(|offset| with_url(offset, noise(offset))).collect();
    deliver(&mut table, &events).await;
    assert!(data_files(folder.path()).len() > 1);
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 8_000);
}

#[tokio::test]
async fn what_is_given_up_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let table = Table::open(folder.path(), &frugal()).await.unwrap();
    let mut writer = table.writer().unwrap();
    let events: Vec<Enriched> = (0..6_000).map(|offset| at_micros(offset, offset % 4 * DAY)).collect();
    for piece in events.chunks(500) {
        writer.write(vec![piece.to_vec()]).await.unwrap();
    }
    assert!(!data_files(folder.path()).is_empty());
    writer.abort().await;
    assert!(data_files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_call_that_was_dropped_half_way_leaves_no_file_behind_either() {
    let folder = tempfile::tempdir().unwrap();
    let table = Table::open(folder.path(), &frugal()).await.unwrap();
    let mut writer = table.writer().unwrap();
    let events = events_of_many_days(400);
    {
        let mut write = std::pin::pin!(writer.write(vec![events.clone()]));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(write.as_mut().poll(&mut context), Poll::Pending));
    }
    assert!(writer.write(vec![events.clone()]).await.is_err(), "only abort makes sense after a dropped call");
    writer.abort().await;
    assert!(data_files(folder.path()).is_empty());
}
