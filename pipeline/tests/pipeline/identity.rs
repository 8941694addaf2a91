//! A position counts in one log. Another under the same name, or one that has lost its newest records, stops the sinks for good,
//! however long it grows.

use eventlog::memory::MemoryLog;
use eventlog::{EventLog, NewRecord};
use pipeline::{Config, OnMissing, Start};

use crate::delivery::{TOPIC, append, expect_each_once, page, small, start, until, until_stopped};
use crate::store::Store;

const ANOTHER_RECORD: &str = "holds another record at offset 19";

#[tokio::test]
async fn another_log_under_the_same_name_stops_a_sink_however_long_it_grows() {
    let (log, another, store) = (MemoryLog::new(1), MemoryLog::new(1), Store::default());
    append(&log, 0..20).await;
    let running = start(&log, &[("a", &store)], small());
    expect_each_once(&store, 20).await;
    running.stop().await;

    append(&another, 100..112).await;
    let running = start(&another, &[("a", &store)], small());
    until_stopped(&running, "offset 20 of partition 0 is outside").await;
    append(&another, 112..140).await;
    until_stopped(&running, ANOTHER_RECORD).await;
    running.stop().await;
    let running = start(&another, &[("a", &store)], Config { on_missing: OnMissing::Skip, ..small() });
    until_stopped(&running, ANOTHER_RECORD).await;
    running.stop().await;
    expect_each_once(&store, 20).await;
}

#[tokio::test]
async fn a_log_that_has_lost_its_newest_records_stops_a_sink_that_had_them_while_it_runs() {
    let (log, had_all, had_some) = (MemoryLog::new(1), Store::default(), Store::default());
    append(&log, 0..10).await;
    let running = start(&log, &[("a", &had_some)], small());
    expect_each_once(&had_some, 10).await;
    had_some.state().faults.down = true;
    running.stop().await;
    let running = start(&log, &[("a", &had_all), ("b", &had_some)], small());
    append(&log, 10..20).await;
    expect_each_once(&had_all, 20).await;

    log.remove_from(TOPIC, 0, 12).unwrap();
    until_stopped(&running, "offset 20 of partition 0 is outside").await;
    append(&log, 112..140).await;
    until_stopped(&running, ANOTHER_RECORD).await;
    had_some.state().faults.down = false;
    until(|| had_some.state().positions.get(0) == Some(40)).await;
    assert_eq!(had_some.state().rows.len(), 40);
    expect_each_once(&had_all, 20).await;
    running.stop().await;
}

#[tokio::test]
async fn skipping_never_goes_back() {
    let (log, store) = (MemoryLog::new(1), Store::default());
    append(&log, 0..20).await;
    let skip = Config { on_missing: OnMissing::Skip, ..small() };
    let running = start(&log, &[("a", &store)], skip.clone());
    expect_each_once(&store, 20).await;
    running.stop().await;
    log.remove_from(TOPIC, 0, 10).unwrap();
    let running = start(&log, &[("a", &store)], skip);
    until_stopped(&running, "offset 20 of partition 0 is outside").await;
    running.stop().await;
    expect_each_once(&store, 20).await;
}

/// Only its other sink was down past retention: the reader of the newest records must find that out, too.
#[tokio::test]
async fn a_sink_whose_records_were_removed_while_it_was_down_skips_them_without_a_restart() {
    let (log, store) = (MemoryLog::new(1), Store::default());
    append(&log, 0..10).await;
    let running = start(&log, &[("a", &store)], Config { on_missing: OnMissing::Skip, ..small() });
    expect_each_once(&store, 10).await;
    store.state().faults.down = true;
    append(&log, 10..20).await;
    until_stopped(&running, "").await;
    append(&log, 20..1_000).await;
    log.remove_before(TOPIC, 0, 900).unwrap();
    store.state().faults.down = false;
    until(|| store.state().positions.get(0) == Some(1_000)).await;
    let rows = store.state().rows.clone();
    assert!(rows.ends_with(&(900..1_000).map(|number| format!("/{number}")).collect::<Vec<_>>()), "{}", rows.len());
    running.stop().await;
}

#[tokio::test]
async fn a_partition_that_was_added_later_begins_at_its_first_record_and_others_where_they_are_told() {
    let (log, store) = (MemoryLog::new(4), Store::default());
    let latest = Config { start: Some(Start::Latest), ..small() };
    log.set_assignment(vec![0, 1]);
    let records: Vec<NewRecord> = (0..100).map(page).collect();
    let before = log.append(TOPIC, records).await.unwrap();
    assert!((0..4).all(|partition| before.iter().any(|(of, _)| *of == partition)), "{before:?}");
    let running = start(&log, &[("a", &store)], latest.clone());
    until(|| store.state().positions.iter().count() == 4).await;
    assert!(store.state().rows.is_empty());
    running.stop().await;

    // As if partitions 2 and 3 had been added since.
    let known = [0, 1].map(|partition| (partition, store.state().positions.get(partition).unwrap()));
    store.state().positions = known.into_iter().collect();
    log.set_assignment(vec![0, 1, 2, 3]);
    let running = start(&log, &[("a", &store)], latest);
    let added = before.iter().filter(|(partition, _)| *partition >= 2).count();
    until(|| store.state().rows.len() == added).await;
    running.stop().await;
}

#[tokio::test]
async fn only_the_worker_with_the_first_partition_sets_the_first_positions() {
    let (log, store) = (MemoryLog::new(2), Store::default());
    append(&log, 0..20).await;
    log.set_assignment(vec![1]);
    let second = start(&log, &[("a", &store)], small());
    until_stopped(&second, "another worker of the group").await;
    second.stop().await;
    assert!(store.state().positions.is_empty());
}
