//! The spooled log as the port's implementation.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use event::{Positions, Timestamp};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::config::Config;
use super::finish::Finishing;
use super::frame;
use super::gate::{Gate, Unsettled};
use super::replay::Replay;
use super::state::State;
use super::store::Store;
use crate::metrics::FULL;
use crate::{EventLog, LogError, Membership, NewRecord, Reader, Transactor};

/// The partition of a record that is spooled: its offset is then the one in the spool, for it has none in the log yet.
pub const SPOOLED_PARTITION: i32 = -1;

/// How long the remote may take to tell its partitions: less than those who ask whether the log can be written will wait.
const PARTITIONS_PATIENCE: Duration = Duration::from_millis(500);

/// A log that keeps on taking records while its remote cannot be reached. Dropping it ends the replay at once, which may
/// repeat a batch at the next start; [`SpooledLog::close`] waits for the batch.
pub struct SpooledLog {
    inner: Arc<Inner>,
    replay: Arc<Replay>,
    replaying: AbortHandle,
}

struct Inner {
    remote: Arc<dyn EventLog>,
    store: Arc<Store>,
    gate: Arc<Gate>,
    /// Time that the remote is given to answer an append.
    patience: Duration,
    /// The partitions last told, by topic.
    partitions: Mutex<HashMap<String, Vec<i32>>>,
}

/// How an append to the remote ended.
enum Attempt {
    /// With an answer, good or bad, that is the caller's.
    Answered(Result<Vec<(i32, i64)>, LogError>),
    /// The remote is away, for this reason; the records may have arrived all the same.
    Away(String),
}

impl SpooledLog {
    /// Opens the spool in a folder, which is created if need be, in front of `remote`. What is left from before is
    /// replayed in the background. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// `Misconfigured`, `Locked` when another process has the folder open, `Damaged`, `Io`.
    pub async fn open(dir: &Path, config: &Config, remote: Arc<dyn EventLog>) -> Result<Arc<Self>, LogError> {
        config.check()?;
        let (store, stored) = Store::open(dir, config).await?;
        if stored.records() > 0 {
            tracing::warn!(records = stored.records(), "spooled records are left from before and go first");
        }
        let (store, gate) = (Arc::new(store), Gate::new(State::new(stored, config.max_bytes)));
        let replay = Arc::new(Replay::new(config, remote.clone(), store.clone(), gate.clone()));
        let run = replay.clone();
        let replaying = tokio::spawn(async move { run.run().await }).abort_handle();
        let patience = Duration::from_millis(config.after_ms);
        let inner = Inner { remote, store, gate, patience, partitions: Mutex::default() };
        Ok(Arc::new(Self { inner: inner.into(), replay, replaying }))
    }

    /// Ends the replay after the batch under way, for which it waits `after_ms` at most, and closes the folder. What is
    /// left is replayed at the next start. The remote stays open.
    pub async fn close(&self) {
        let paused = timeout(self.inner.patience, self.replay.pause()).await;
        self.replaying.abort();
        if paused.is_err() {
            tracing::warn!("the spool closes while a batch is being replayed: it may be repeated at the next start");
        }
        self.inner.store.close().await;
    }
}

impl Drop for SpooledLog {
    fn drop(&mut self) {
        self.replaying.abort();
    }
}

impl Inner {
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        let deadline = Instant::now() + self.patience;
        let reason = match self.gate.pass(deadline).await {
            None => "records from before wait".to_owned(),
            Some(unsettled) => match self.attempt(unsettled, topic, &records, deadline).await {
                Attempt::Answered(answer) => return answer,
                Attempt::Away(reason) => reason,
            },
        };
        self.spool(topic, &records, reason).await
    }

    /// Appends to the remote. When that takes too long, it goes on by itself, and the replay waits for it.
    async fn attempt(&self, unsettled: Unsettled, topic: &str, records: &[NewRecord], deadline: Instant) -> Attempt {
        let (remote, topic, records) = (self.remote.clone(), topic.to_owned(), records.to_vec());
        let append = Finishing::new(async move {
            let answer = remote.append(&topic, records).await;
            unsettled.settle(&answer);
            answer
        });
        match timeout_at(deadline, append).await {
            Err(_) => Attempt::Away(format!("no answer within {} ms", self.patience.as_millis())),
            Ok(Err(LogError::Unavailable { reason })) => Attempt::Away(reason),
            Ok(Err(LogError::Busy)) if self.gate.is_busy_for(self.patience) => {
                Attempt::Away(LogError::Busy.to_string())
            }
            Ok(answer) => Attempt::Answered(answer),
        }
    }

    async fn spool(&self, topic: &str, records: &[NewRecord], reason: String) -> Result<Vec<(i32, i64)>, LogError> {
        let frames: Vec<_> = records.iter().map(|record| frame::encode(topic, record)).collect();
        let bytes = frames.iter().map(|frame| frame.len() as u64).sum();
        let full = |_: &LogError| metrics::counter!(FULL, "topic" => topic.to_owned()).increment(1);
        let entering = self.gate.enter(bytes, reason).inspect_err(full)?;
        let first = self.store.put(frames).await?;
        entering.arrive(first, records.len() as u64);
        Ok((first..).take(records.len()).map(|offset| (SPOOLED_PARTITION, offset)).collect())
    }

    fn known_partitions(&self, topic: &str) -> Vec<i32> {
        let known = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(topic).cloned().unwrap_or_default()
    }

    fn learn_partitions(&self, topic: &str, partitions: &[i32]) {
        let mut known = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(topic.to_owned(), partitions.to_vec());
    }
}

#[async_trait]
impl EventLog for SpooledLog {
    /// As the remote does. When it is away, the records are durable once spooled, and what is returned of each is
    /// [`SPOOLED_PARTITION`] with its offset in the spool. Finished even when it is dropped.
    ///
    /// # Errors
    /// Those of the remote but `Unavailable`; `Full` when the spool or its disk is, `Unavailable` when it fails too.
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let (inner, topic) = (self.inner.clone(), topic.to_owned());
        Finishing::new(async move { inner.append(&topic, records).await }).await
    }

    /// What the remote told last while it is away, and nothing if it has never told: records are taken all the same.
    async fn partitions(&self, topic: &str) -> Result<Vec<i32>, LogError> {
        let inner = &self.inner;
        if !inner.gate.is_direct() {
            return Ok(inner.known_partitions(topic));
        }
        match timeout(PARTITIONS_PATIENCE, inner.remote.partitions(topic)).await {
            Err(_) | Ok(Err(LogError::Unavailable { .. })) => Ok(inner.known_partitions(topic)),
            Ok(told) => told.inspect(|partitions| inner.learn_partitions(topic, partitions)),
        }
    }

    async fn bounds(&self, topic: &str, partition: i32) -> Result<Range<i64>, LogError> {
        self.inner.remote.bounds(topic, partition).await
    }

    async fn offset_for_time(&self, topic: &str, partition: i32, time: Timestamp) -> Result<i64, LogError> {
        self.inner.remote.offset_for_time(topic, partition, time).await
    }

    async fn positions(&self, group: &str, topic: &str) -> Result<Positions, LogError> {
        self.inner.remote.positions(group, topic).await
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        self.inner.remote.reader(topic).await
    }

    async fn join(&self, group: &str, topic: &str) -> Result<Box<dyn Membership>, LogError> {
        self.inner.remote.join(group, topic).await
    }

    async fn transactor(&self, group: &str, output: &str) -> Result<Box<dyn Transactor>, LogError> {
        self.inner.remote.transactor(group, output).await
    }

    async fn release(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.inner.remote.release(topic, partition, offset).await
    }
}
