//! Spools in temporary folders, and what the tests do with them.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::EventId;
use eventlog::memory::MemoryLog;
use eventlog::{EventLog, LogError, NewRecord};
use spool::{Config, SPOOLED_PARTITION, SpooledLog};
use tempfile::TempDir;

use crate::spool::remote::{Mood, Remote};

pub(crate) const TOPIC: &str = "page_views";
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// Short times and small batches.
pub(crate) fn config() -> Config {
    Config { after_ms: 50, replay_batch_bytes: 2_000, max_backoff_ms: 50, segment_bytes: 8 << 10, ..Config::default() }
}

/// A spool in front of a remote in memory.
pub(crate) struct Fixture {
    pub(crate) log: Arc<SpooledLog>,
    pub(crate) remote: Arc<Remote>,
    pub(crate) dir: TempDir,
    config: Config,
}

impl Fixture {
    pub(crate) async fn new(mood: Mood) -> Self {
        Self::of(config(), Remote::new(MemoryLog::new(3), mood, 0)).await
    }

    pub(crate) async fn of(config: Config, remote: Arc<Remote>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = open(dir.path(), &config, &remote).await;
        Self { log, remote, dir, config }
    }

    /// Drops the spool without closing it and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        let Self { log, remote, dir, config } = self;
        drop(log);
        let log = open(dir.path(), &config, &remote).await;
        Self { log, remote, dir, config }
    }

    /// Appends a text under a key. Returns the partition it was given.
    pub(crate) async fn append(&self, key: &str, text: &str) -> Result<i32, LogError> {
        Ok(self.log.append(TOPIC, vec![record(key, text)]).await?[0].0)
    }

    /// Waits until appends go straight to the remote, by appending.
    pub(crate) async fn until_direct(&self) {
        until_direct(&self.log).await;
    }

    /// The texts that arrived under a key, second copies included.
    pub(crate) async fn arrived(&self, key: &str) -> Vec<String> {
        let all = read_all(&*self.remote).await;
        all.iter().filter(|line| line.key == key).map(|line| line.text.clone()).collect()
    }
}

/// Opens a spool, as soon as the one before has let go of the folder.
pub(crate) async fn open(dir: &Path, config: &Config, remote: &Arc<Remote>) -> Arc<SpooledLog> {
    let started = Instant::now();
    loop {
        match SpooledLog::open(dir, config, remote.clone()).await {
            Err(LogError::Locked(_)) if started.elapsed() < DEADLINE => pause().await,
            opened => return opened.unwrap(),
        }
    }
}

pub(crate) async fn until_direct(log: &SpooledLog) {
    eventually(async || match log.append(TOPIC, vec![record("probe", "probe")]).await {
        Ok(positions) => positions[0].0 != SPOOLED_PARTITION,
        Err(_) => false,
    })
    .await;
}

/// A record whose payload tells its key, its event id and a text.
pub(crate) fn record(key: &str, text: &str) -> NewRecord {
    let id = EventId::new();
    let payload = format!("{key} {id} {text}");
    NewRecord { key: key.to_owned().into(), event_id: Some(id), payload: payload.into() }
}

/// A payload as read.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) text: String,
}

/// Everything that a log holds, partition after partition.
pub(crate) async fn read_all(log: &dyn EventLog) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut partition = 0;
    while let Ok(held) = log.bounds(TOPIC, partition).await {
        let mut reader = log.reader(TOPIC).await.unwrap();
        reader.assign(&[(partition, held.start)].into_iter().collect()).await.unwrap();
        let mut next = held.start;
        while next < held.end {
            for record in within(reader.next(1 << 20)).await.unwrap() {
                next = record.offset + 1;
                let text = String::from_utf8(record.payload.to_vec()).unwrap();
                let mut parts = text.splitn(3, ' ').map(str::to_owned);
                let (key, id, text) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
                lines.push(Line { key, id, text });
            }
        }
        partition += 1;
    }
    lines
}

/// What a reader that leaves out second copies sees, by key.
pub(crate) fn without_duplicates(lines: &[Line]) -> BTreeMap<String, Vec<String>> {
    let mut seen = HashSet::new();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines.iter().filter(|line| seen.insert(&line.id)) {
        texts.entry(line.key.clone()).or_default().push(line.text.clone());
    }
    texts
}

/// What a future gives, which must be before the deadline.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("done before the deadline")
}

/// Waits until something holds.
pub(crate) async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < DEADLINE, "it did not come to hold in time");
        pause().await;
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}
