//! Small files become few.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::TryStreamExt;
use iceberg::expr::Predicate;
use serde_json::json;
use warehouse::{Config, MaintenanceConfig, Table};

use super::*;

#[tokio::test]
async fn small_files_of_a_day_become_one_and_no_row_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 6).await;
    let (before, positions) = (rows(folder.path()), table.positions(TOPIC).unwrap());
    let done = maintain(&mut table).await;
    assert_eq!((done.files_compacted, done.rows_compacted, done.files_written, done.groups_skipped), (12, 12, 2, 0));
    assert_eq!(rows(folder.path()), before);
    let files = listed(folder.path()).await;
    assert_eq!(files.len(), 2);
    assert_eq!(files.iter().map(DataFile::file_size_in_bytes).sum::<u64>(), done.bytes_written);
    let current = other_table(folder.path()).await;
    let summary = current.metadata().current_snapshot().unwrap().summary();
    assert_eq!(summary.operation, iceberg::spec::Operation::Replace);
    assert_eq!(summary.additional_properties["total-records"], "12");
    assert_eq!((open(folder.path()).await.positions(TOPIC).unwrap(), positions.get(0)), (positions, Some(12)));

    let stood_at = snapshot(folder.path()).await;
    assert!(!maintain(&mut table).await.has_changed_something());
    assert_eq!(snapshot(folder.path()).await, stood_at);
    deliver_each(&mut table, 1).await;
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 14);
}

#[tokio::test]
async fn rows_of_a_merged_file_stand_in_the_order_of_site_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    for from in (0..60).step_by(10) {
        deliver(&mut table, &(from..from + 10).map(|offset| view(offset, 10)).collect::<Vec<_>>()).await;
    }
    maintain(&mut table).await;
    let scan = other_table(folder.path()).await.scan().select(["site", "event_timestamp"]).build().unwrap();
    let batches: Vec<_> = scan.to_arrow().await.unwrap().try_collect().await.unwrap();
    let rows: Vec<(String, i64)> = batches
        .iter()
        .flat_map(|batch| {
            use arrow_array::cast::AsArray;
            let times = batch.column(1).as_primitive::<arrow_array::types::TimestampMicrosecondType>().clone();
            let sites = batch.column(0).as_string::<i32>().clone();
            (0..batch.num_rows()).map(move |row| (sites.value(row).to_owned(), times.value(row)))
        })
        .collect();
    assert_eq!(rows.len(), 60);
    assert!(rows.is_sorted(), "{rows:?}");
}

#[tokio::test]
async fn files_near_the_target_size_and_too_few_small_ones_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 4).await;
    assert!(!maintain(&mut table).await.has_changed_something());
    let size = listed(folder.path()).await[0].file_size_in_bytes();
    let mut config = Config::default();
    config.files.target_file_bytes = size as usize;
    let mut small_target = Table::open(folder.path(), &config).await.unwrap();
    deliver_each(&mut small_target, 4).await;
    assert!(!maintain(&mut small_target).await.has_changed_something());
    config.files.target_file_bytes = size as usize * 5 / 2;
    let done = maintain(&mut Table::open(folder.path(), &config).await.unwrap()).await;
    assert_eq!((done.files_compacted, done.files_written), (16, 8), "two fill a file");
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 16, "distinct_ids": 16}));
    }
}

#[tokio::test]
async fn rows_are_sorted_and_written_in_bounded_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.files.buffer_bytes = 1;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    for from in (0..5_000).step_by(1_000) {
        deliver(&mut table, &(from..from + 1_000).map(|offset| view(offset, 10)).collect::<Vec<_>>()).await;
    }
    let done = table.maintain(&MaintenanceConfig::default(), false).await.unwrap();
    assert_eq!((done.rows_compacted, done.files_written), (5_000, 1));
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 5_000, "distinct_ids": 5_000}));
    }
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_merged_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 5).await;
    let (stood_at, files) = (snapshot(folder.path()).await, data_files(folder.path()));
    let told = table.maintain(&MaintenanceConfig::default(), true).await.unwrap();
    assert_eq!((told.files_compacted, told.rows_compacted, told.files_written), (10, 10, 2));
    assert_eq!((snapshot(folder.path()).await, data_files(folder.path())), (stood_at, files));
}

#[tokio::test]
async fn whatever_instant_it_is_ended_at_no_row_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 5).await;
    for polls in (1..).step_by(31) {
        let mut ended = open(folder.path()).await;
        let through = polled_at_most(polls, &mut Box::pin(maintain(&mut ended))).await;
        assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 10, "after {polls} polls");
        if through.is_some() {
            break;
        }
    }
    assert_eq!(listed(folder.path()).await.len(), 2);
    assert_eq!(open(folder.path()).await.positions(TOPIC).unwrap().get(0), Some(10));
}

#[tokio::test]
async fn an_append_at_any_instant_is_kept_and_does_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let (mut table, mut other) = (open(folder.path()).await, open(folder.path()).await);
    let settings = MaintenanceConfig { min_small_files: 2, ..MaintenanceConfig::default() };
    let mut rows = 0;
    for polls in (1..).step_by(47) {
        deliver_each(&mut table, 1).await;
        let slow = async { other.maintain(&settings, false).await.map(drop).unwrap() };
        let (_, was_done) = overtake(polls, slow, deliver_each(&mut table, 1)).await;
        rows += 4;
        assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, rows, "after {polls} polls");
        if was_done {
            break;
        }
    }
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": rows, "distinct_ids": rows}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_find_every_committed_row_while_files_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let (mut table, mut other) = (open(folder.path()).await, open(folder.path()).await);
    deliver_each(&mut table, 5).await;
    let read = AtomicBool::new(false);
    let settings = MaintenanceConfig { min_small_files: 2, ..MaintenanceConfig::default() };
    let write = async {
        let mut merged = 0;
        while !read.load(Ordering::Relaxed) {
            deliver_each(&mut table, 1).await;
            merged += other.maintain(&settings, false).await.unwrap().files_compacted;
        }
        assert!(merged > 0);
    };
    let path = folder.path().to_owned();
    let readers = tokio::task::spawn_blocking(move || {
        let mut least = 10;
        for _ in 0..2 {
            for count in both_readers(&path, &["count"]) {
                assert_eq!(count["rows"], count["distinct_ids"]);
                let rows = count["rows"].as_u64().unwrap();
                assert!(rows >= least && rows % 2 == 0, "{rows} of {least}");
                least = rows;
            }
        }
    });
    let reading = async {
        let result = readers.await;
        read.store(true, Ordering::Relaxed);
        result.unwrap();
    };
    tokio::join!(write, reading);
}

#[tokio::test]
async fn a_day_that_is_over_becomes_the_fewest_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 3).await;
    let done = maintain(&mut table).await;
    assert_eq!((done.files_compacted, done.files_left_small), (0, 6));
    let told = table.maintain(&over(), true).await.unwrap();
    let done = table.maintain(&over(), false).await.unwrap();
    assert_eq!((done.files_compacted, done.rows_compacted, done.files_written), (6, 6, 2));
    assert_eq!((told.files_compacted, told.rows_compacted, told.files_written), (6, 6, 2));
    assert_eq!((done.files_left_small, listed(folder.path()).await.len()), (0, 2));
    assert!(!table.maintain(&over(), false).await.unwrap().has_changed_something());
}

#[tokio::test]
async fn many_rows_of_a_day_that_is_over_become_files_of_the_same_size() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    for from in (0..6_000).step_by(1_000) {
        deliver(&mut table, &(from..from + 1_000).map(|offset| view(offset, 10)).collect::<Vec<_>>()).await;
    }
    let bytes: u64 = listed(folder.path()).await.iter().map(DataFile::file_size_in_bytes).sum();
    let mut config = Config::default();
    config.files.target_file_bytes = bytes as usize * 2 / 5;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    let done = table.maintain(&over(), false).await.unwrap();
    assert_eq!((done.rows_compacted, done.files_written), (6_000, 3));
    assert!(listed(folder.path()).await.iter().all(|file| file.record_count() == 2_000));
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 6_000, "distinct_ids": 6_000}));
    }
}

#[tokio::test]
async fn deleted_rows_and_the_files_that_tell_of_them_go_and_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 3).await;
    for log_offset in [0, 3] {
        crate::table::delete_by_position(folder.path(), log_offset);
    }
    let before = rows(folder.path());
    assert_eq!(before[0].len(), 4);
    let kept = table.maintain(&MaintenanceConfig::default(), false).await.unwrap();
    assert_eq!((kept.files_compacted, kept.delete_files_dropped), (0, 0), "rows of these days may still come");
    let done = table.maintain(&over(), false).await.unwrap();
    assert_eq!((done.files_written, done.delete_files_dropped), (2, 2));
    assert_eq!((rows(folder.path()), listed(folder.path()).await.len()), (before, 2));
    deliver_each(&mut table, 1).await;
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 6, "distinct_ids": 6}));
    }
}

#[tokio::test]
async fn two_at_once_and_another_engine_that_deletes_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let (mut table, mut other) = (open(folder.path()).await, open(folder.path()).await);
    deliver_each(&mut table, 6).await;
    tokio::join!(maintain(&mut table), maintain(&mut other));
    assert_eq!(listed(folder.path()).await.len(), 2);
    run_pyiceberg(folder.path(), "table.delete('log_offset = 1')");
    deliver_each(&mut table, 6).await;
    maintain(&mut table).await;
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 23, "distinct_ids": 23}));
    }
}
