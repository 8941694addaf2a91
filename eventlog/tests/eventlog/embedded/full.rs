//! A log without room: appends are refused, and those who read it and write into it go on, or nothing would ever leave it.

use std::path::Path;
use std::sync::Arc;

use event::{Advance, Step};
use eventlog::embedded::{Config, EmbeddedLog, Options};
use eventlog::{EventLog, LogError, Transactor};

use crate::embedded::disk::FaultyDisk;
use crate::embedded::fixture::{TOPIC, append, eventually, open_with, record};

const OUTPUT: &str = "enriched";
/// An enriched record is larger than it was.
const RAW_BYTES: usize = 1_000;
const OUTPUT_BYTES: usize = 1_500;

fn options(config: Config) -> Options {
    Options { held_topics: vec![TOPIC.to_owned()], ..Options::from(config) }
}

/// Appends until there is no room, and returns the number of records.
async fn fill(log: &EmbeddedLog) -> i64 {
    loop {
        match append(log, vec![b'x'; RAW_BYTES]).await {
            Ok(_) => {}
            Err(LogError::Full { .. }) => return log.bounds(TOPIC, 0).await.unwrap().end,
            Err(error) => panic!("{error}"),
        }
    }
}

/// What a sink does that writes an output for each record, ten at a time.
async fn deliver(transactor: &mut dyn Transactor, range: std::ops::Range<i64>) -> Result<(), LogError> {
    for next in range.skip(1).filter(|next| next % 10 == 0) {
        let outputs = (0..10).map(|_| record(vec![b'y'; OUTPUT_BYTES])).collect();
        let expected = Some(next - 10);
        let steps = vec![Step { partition: 0, expected, next, last: None }];
        transactor.commit(outputs, &Advance { topic: TOPIC.into(), steps }).await?;
    }
    Ok(())
}

/// A sink that has begun at the first record.
async fn sink(log: &EmbeddedLog) -> Box<dyn Transactor> {
    let mut transactor = log.transactor("sink", OUTPUT).await.unwrap();
    let steps = vec![Step { partition: 0, expected: None, next: 0, last: None }];
    transactor.commit(Vec::new(), &Advance { topic: TOPIC.into(), steps }).await.unwrap();
    transactor
}

fn on_disk(dir: &Path, topic: &str) -> u64 {
    let files = std::fs::read_dir(dir.join("topics").join(topic)).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn a_sink_that_writes_into_a_full_log_delivers_all_and_the_log_takes_records_again() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        max_bytes: 500_000,
        segment_bytes: 50_000,
        retention_check_ms: 5,
        retention_bytes: 1,
        ..Config::default()
    };
    let log = open_with(dir.path(), options(config));
    let mut transactor = sink(&log).await;
    let end = fill(&log).await;
    deliver(&mut *transactor, 0..end + 1).await.unwrap();
    log.release(TOPIC, 0, end).await.unwrap();
    eventually(async || append(&log, vec![b'x'; RAW_BYTES]).await.is_ok()).await;
}

#[tokio::test]
async fn appends_leave_a_lagging_sink_the_room_that_it_needs_within_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), options(Config { max_bytes: 1_000_000, ..Config::default() }));
    let mut transactor = sink(&log).await;
    for _ in 0..10 {
        append(&log, vec![b'x'; RAW_BYTES]).await.unwrap();
    }
    deliver(&mut *transactor, 0..11).await.unwrap();
    let end = fill(&log).await;
    assert!(end > 200, "not much is kept back: {end}");
    deliver(&mut *transactor, 10..end + 1).await.unwrap();
    assert!(on_disk(dir.path(), TOPIC) + on_disk(dir.path(), OUTPUT) <= 1_000_000);
}

#[tokio::test]
async fn appends_leave_a_lagging_sink_the_room_that_it_needs_on_the_disk() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let log = open_with(dir.path(), Options { held_topics: vec![TOPIC.to_owned()], ..disk.options() });
    let mut transactor = sink(&log).await;
    for _ in 0..10 {
        append(&log, vec![b'x'; RAW_BYTES]).await.unwrap();
    }
    deliver(&mut *transactor, 0..11).await.unwrap();
    disk.set_room(1_000_000);
    let end = fill(&log).await;
    assert!(end > 200, "not much is kept back: {end}");
    deliver(&mut *transactor, 10..end + 1).await.unwrap();
}

#[tokio::test]
async fn a_log_that_nobody_writes_into_on_its_behalf_is_filled_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), options(Config { max_bytes: 100_000, ..Config::default() }));
    let end = fill(&log).await;
    assert!(on_disk(dir.path(), TOPIC) > 100_000 - 2 * RAW_BYTES as u64, "{end}");
}
