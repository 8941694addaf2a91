//! Old segments go by size and age, held topics keep what is not released.

use std::path::Path;
use std::time::Duration;

use event::Positions;
use eventlog::embedded::{Config, EmbeddedLog, Options};
use eventlog::{EventLog, LogError};

use crate::embedded::fixture::{TOPIC, advance, append, eventually, open, open_with, position, read_from, segments};
use crate::embedded::index::Clock;

/// Segments of about ten records.
fn config() -> Config {
    Config { segment_bytes: 1200, retention_check_ms: 5, retention_hours: 0, ..Config::default() }
}

async fn append_many(log: &EmbeddedLog, count: usize) {
    for _ in 0..count {
        append(log, vec![b'x'; 100]).await.unwrap();
    }
}

async fn start(log: &EmbeddedLog) -> i64 {
    log.bounds(TOPIC, 0).await.unwrap().start
}

fn topic_bytes(dir: &Path) -> u64 {
    segments(dir).iter().map(|path| path.metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn the_oldest_segments_go_when_a_topic_is_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { retention_bytes: 5000, ..config() };
    let log = EmbeddedLog::open(dir.path(), &config).unwrap();
    append_many(&log, 200).await;
    eventually(async || topic_bytes(dir.path()) <= 5000).await;
    let start = start(&log).await;
    assert!((150..199).contains(&start), "{start}");
    let error = read_from(&log, start - 1).await.unwrap_err();
    assert!(matches!(error, LogError::OutOfRange { held, .. } if held == (start..200)));
    assert_eq!(read_from(&log, start).await.unwrap().len() as i64, 200 - start);
    log.close().await;
    let log = EmbeddedLog::open(dir.path(), &config).unwrap();
    assert_eq!(log.bounds(TOPIC, 0).await.unwrap(), start..200);
}

#[tokio::test]
async fn records_go_by_age_even_if_nothing_more_is_appended() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::default());
    let log = open_with(dir.path(), clock.options(Config { retention_hours: 1, ..config() }));
    clock.set(10);
    append_many(&log, 50).await;
    clock.set(1800);
    append_many(&log, 3).await;
    let kept = segments(dir.path()).len();
    assert!(kept > 4);
    clock.set(3600 + 11);
    eventually(async || start(&log).await >= 40).await;
    assert!(start(&log).await <= 50, "the newer records are kept");
    clock.set(3600 + 1801);
    eventually(async || start(&log).await == 53).await;
    assert_eq!(append(&log, "x").await.unwrap(), 53);
}

#[tokio::test]
async fn a_held_topic_loses_only_what_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { retention_bytes: 1, ..config() };
    let options = || Options { held_topics: vec![TOPIC.to_owned()], ..Options::from(config.clone()) };
    let log = open_with(dir.path(), options());
    append_many(&log, 100).await;
    assert_eq!(start(&log).await, 0, "nothing is released");
    for released in [0, 5, 35, 20, 62] {
        log.release(TOPIC, 0, released).await.unwrap();
        append_many(&log, 20).await;
        assert!(start(&log).await <= released.max(35));
    }
    eventually(async || start(&log).await > 45).await;
    let before = start(&log).await;
    assert!(before <= 62);
    log.close().await;
    let log = open_with(dir.path(), options());
    append_many(&log, 20).await;
    assert_eq!(start(&log).await, before, "after a restart nothing is released");
}

#[tokio::test]
async fn a_full_log_takes_records_again_once_some_are_released() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { retention_bytes: 1, max_bytes: 5000, ..config() };
    let options = Options { held_topics: vec![TOPIC.to_owned()], ..Options::from(config) };
    let log = open_with(dir.path(), options);
    let next = loop {
        match append(&log, vec![b'x'; 100]).await {
            Ok(_) => {}
            Err(LogError::Full { .. }) => break log.bounds(TOPIC, 0).await.unwrap().end,
            Err(error) => panic!("{error}"),
        }
    };
    log.release(TOPIC, 0, next).await.unwrap();
    eventually(async || append(&log, vec![b'x'; 100]).await.is_ok()).await;
    assert_eq!(log.bounds(TOPIC, 0).await.unwrap().end, next + 1);
}

#[tokio::test]
async fn a_reader_that_retention_overtakes_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), &Config { retention_bytes: 3000, ..config() }).unwrap();
    append_many(&log, 5).await;
    let mut reader = log.reader(TOPIC).await.unwrap();
    reader.assign(&[(0, 0)].into_iter().collect::<Positions>()).await.unwrap();
    assert_eq!(reader.next(1).await.unwrap()[0].offset, 0);
    append_many(&log, 100).await;
    let result = loop {
        match tokio::time::timeout(Duration::from_secs(5), reader.next(1)).await.unwrap() {
            Ok(records) => assert!(records[0].offset < 20, "a reader must not skip what was removed"),
            Err(error) => break error,
        }
    };
    assert!(matches!(result, LogError::OutOfRange { .. }), "{result}");
}

#[tokio::test]
async fn positions_outlive_the_segments_that_they_were_committed_in() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), &Config { retention_bytes: 3000, ..config() }).unwrap();
    let mut transactor = log.transactor("sink", TOPIC).await.unwrap();
    transactor.commit(Vec::new(), &advance(None, 7)).await.unwrap();
    append_many(&log, 100).await;
    assert!(start(&log).await > 50);
    log.close().await;
    let log = open(dir.path(), 1200).unwrap();
    assert_eq!(position(&log).await, Some(7));
}

#[tokio::test]
async fn a_log_of_positions_alone_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), &config()).unwrap();
    let mut transactor = log.transactor("sink", TOPIC).await.unwrap();
    for next in 0..100 {
        transactor.commit(Vec::new(), &advance((next > 0).then(|| next - 1), next)).await.unwrap();
    }
    assert!(topic_bytes(dir.path()) < 3000);
    let mut reader = log.reader(TOPIC).await.unwrap();
    reader.assign(&[(0, 0)].into_iter().collect::<Positions>()).await.unwrap();
    append(&log, "first").await.unwrap();
    assert_eq!(reader.next(1).await.unwrap()[0].payload, "first");
    log.close().await;
    assert_eq!(position(&open(dir.path(), 1200).unwrap()).await, Some(99));
}
