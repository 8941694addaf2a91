//! Logs in temporary folders, and what the tests do with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{Advance, Positions, Step};
use eventlog::embedded::{Config, EmbeddedLog, Options};
use eventlog::{EventLog, LogError, NewRecord, Record};

pub(crate) const TOPIC: &str = "page_views";
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn record(payload: impl Into<bytes::Bytes>) -> NewRecord {
    NewRecord { key: bytes::Bytes::new(), event_id: None, payload: payload.into() }
}

/// A log with segments of `segment_bytes`.
pub(crate) fn open(dir: &Path, segment_bytes: u64) -> Result<Arc<EmbeddedLog>, LogError> {
    EmbeddedLog::open(dir, &Config { segment_bytes, ..Config::default() })
}

/// A log as `options` say.
pub(crate) fn open_with(dir: &Path, options: Options) -> Arc<EmbeddedLog> {
    EmbeddedLog::open_with(dir, options).unwrap()
}

pub(crate) async fn append(log: &EmbeddedLog, payload: impl Into<bytes::Bytes>) -> Result<i64, LogError> {
    Ok(log.append(TOPIC, vec![record(payload)]).await?[0].1)
}

/// Everything from an offset to the end.
pub(crate) async fn read_from(log: &EmbeddedLog, from: i64) -> Result<Vec<Record>, LogError> {
    let end = log.bounds(TOPIC, 0).await?.end;
    let mut reader = log.reader(TOPIC).await?;
    reader.assign(&[(0, from)].into_iter().collect::<Positions>()).await?;
    let mut records: Vec<Record> = Vec::new();
    while (records.len() as i64) < end - from {
        records.extend(tokio::time::timeout(DEADLINE, reader.next(1 << 20)).await.expect("records in time")?);
    }
    Ok(records)
}

/// The payloads of everything that is held, as text.
pub(crate) async fn payloads(log: &EmbeddedLog) -> Vec<String> {
    let start = log.bounds(TOPIC, 0).await.unwrap().start;
    let records = read_from(log, start).await.unwrap();
    records.iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
}

/// A move of partition 0 of the topic `raw`.
pub(crate) fn advance(expected: Option<i64>, next: i64) -> Advance {
    Advance { topic: "raw".into(), steps: vec![Step { partition: 0, expected, next, last: None }] }
}

pub(crate) async fn position(log: &EmbeddedLog) -> Option<i64> {
    log.positions("sink", "raw").await.unwrap().get(0)
}

/// The segment files of the topic, oldest first.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("topics").join(TOPIC)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Waits until something holds.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < DEADLINE, "it did not come to hold in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
