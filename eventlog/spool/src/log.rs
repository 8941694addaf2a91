//! The spooled log as the port's implementation.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use event::{Positions, Timestamp};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::DIRECT_RECORDS;
use super::config::Config;
use super::finish::Finishing;
use super::frame;
use super::gate::{Attended, Gate};
use super::late::Late;
use super::replay::Replay;
use super::state::State;
use super::store::Store;
use eventlog::metrics::FULL;
use eventlog::{EventLog, LogError, Membership, NewRecord, Reader, Receipts, Transactor};

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
    Answered(Result<(), LogError>),
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
        let (store, stored, lanes) = Store::open(dir, config).await?;
        let state = State::new(stored, lanes, config.max_bytes);
        let left = state.total();
        if left.0 > 0 {
            tracing::warn!(records = left.0, "spooled records are left from before and go first");
        }
        let (store, gate) = (Arc::new(store), Gate::new(state));
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
    /// Appends in pieces that the remote may have under way at once; nearly every append is one.
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        let deadline = Instant::now() + self.patience;
        let mut positions = Vec::with_capacity(records.len());
        for piece in records.chunks(DIRECT_RECORDS) {
            match self.append_piece(topic, piece, deadline).await {
                Ok(appended) => positions.extend(appended),
                Err(LogError::Busy) if !positions.is_empty() => {
                    return Err(LogError::Unavailable { reason: LogError::Busy.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(positions)
    }

    async fn append_piece(
        &self,
        topic: &str,
        records: &[NewRecord],
        deadline: Instant,
    ) -> Result<Vec<(i32, i64)>, LogError> {
        let attended = match self.gate.pass(records.len(), deadline).await {
            Ok(attended) => attended,
            Err(reason) => {
                // What may be in the remote already comes first, so that its second copy is near the first one.
                self.gate.unattended().await;
                return self.spool(topic, records, None, reason.to_owned()).await;
            }
        };
        let receipts = Receipts::new(records.len());
        match self.attempt(&attended, topic, records, &receipts, deadline).await {
            Attempt::Answered(answer) => answer.map(|()| receipts.positions().into_iter().flatten().collect()),
            Attempt::Away(reason) => self.spool(topic, records, Some(&receipts), reason).await,
        }
    }

    /// Appends to the remote. When that takes too long, or another append has failed, it goes on by itself, and the replay
    /// waits for it.
    async fn attempt(
        &self,
        attended: &Attended,
        topic: &str,
        records: &[NewRecord],
        receipts: &Receipts,
        deadline: Instant,
    ) -> Attempt {
        let (remote, unsettled) = (self.remote.clone(), attended.unsettled());
        let (topic, records, noted) = (topic.to_owned(), records.to_vec(), receipts.clone());
        let append = Finishing::new(async move {
            let answer = remote.append_each(&topic, &records, &noted).await;
            unsettled.settle(&answer);
            answer
        });
        let answer = tokio::select! {
            biased;
            answer = append => answer,
            () = self.gate.closed() => return Attempt::Away("an append from before failed".to_owned()),
            () = sleep_until(deadline) => {
                return Attempt::Away(format!("no answer within {} ms", self.patience.as_millis()));
            }
        };
        match answer {
            Err(LogError::Unavailable { reason }) => Attempt::Away(reason),
            Err(LogError::Busy) if self.gate.is_busy_for(self.patience) => Attempt::Away(LogError::Busy.to_string()),
            // The caller is told of a failure only if nothing was written.
            Err(error) if !receipts.is_empty() => Attempt::Away(error.to_string()),
            answer => Attempt::Answered(answer),
        }
    }

    /// Stores the records, but those that are known to be in the remote. Returns where each stands.
    async fn spool(
        &self,
        topic: &str,
        records: &[NewRecord],
        receipts: Option<&Receipts>,
        reason: String,
    ) -> Result<Vec<(i32, i64)>, LogError> {
        let known = receipts.map_or_else(|| vec![None; records.len()], Receipts::positions);
        let missing: Vec<usize> = (0..records.len()).filter(|index| known[*index].is_none()).collect();
        let mut next = 0;
        if !missing.is_empty() {
            let frames: Vec<_> = missing.iter().map(|index| frame::encode(topic, &records[*index])).collect();
            let bytes = frames.iter().map(|frame| frame.len() as u64).sum();
            let full = |_: &LogError| metrics::counter!(FULL, "topic" => topic.to_owned()).increment(1);
            let entering = self.gate.enter(bytes, reason).inspect_err(full)?;
            let (first, stored) = (self.store.put(frames).await?, missing.len() as u64);
            if let Some(receipts) = receipts {
                self.gate.note_late(Late { first, stored: missing, receipts: receipts.clone() });
            }
            entering.arrive(first, stored);
            next = first;
        }
        let mut offsets = next..;
        let position = |known: Option<(i32, i64)>| known.or_else(|| Some((SPOOLED_PARTITION, offsets.next()?)));
        Ok(known.into_iter().filter_map(position).collect())
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

    async fn is_own(&self, topic: &str) -> Result<bool, LogError> {
        self.inner.remote.is_own(topic).await
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

    fn failure(&self) -> Option<String> {
        self.inner.store.failure().or_else(|| self.inner.remote.failure())
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
