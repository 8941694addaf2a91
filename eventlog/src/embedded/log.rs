//! The embedded log as a whole: opens its topics, starts their writers, and is the port's implementation.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use event::{Positions, Timestamp};
use tokio::task::spawn_blocking;

use super::active::Active;
use super::clock::Clock;
use super::config::{Config, Options};
use super::disk::{Failure, create_dir, io_error, sync_dir};
use super::ledger::PositionTable;
use super::lock::{lock, unlock};
use super::reader::EmbeddedReader;
use super::recover::{Recovered, recover};
use super::segment::SegmentHeader;
use super::topic::{PARTITION, Shared, Topic};
use super::transactor::{EmbeddedTransactor, SoleMember};
use super::writer::Writer;
use super::{check_topic, topic_names, topics_dir};
use crate::{EventLog, LogError, Membership, NewRecord, Reader, Transactor};

/// A durable log in one folder. Dropping it drains and stops it, as [`EmbeddedLog::close`] does.
pub struct EmbeddedLog(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    shared: Arc<Shared>,
    open: Mutex<Open>,
}

/// What closing ends.
struct Open {
    /// Held for its lock; `None` once the log is closed.
    lock: Option<File>,
    topics: BTreeMap<String, Arc<Topic>>,
    writers: Vec<JoinHandle<()>>,
}

impl EmbeddedLog {
    /// Opens the log in a folder, which is created if need be. Blocks while it reads the last segment of each topic.
    ///
    /// # Errors
    /// `Locked` when another process has it open, `Damaged` when acknowledged records are damaged, `Io`.
    pub fn open(dir: &Path, config: &Config) -> Result<Arc<Self>, LogError> {
        Self::open_with(dir, Options::from(config.clone()))
    }

    /// Opens the log in a folder with everything that can be wired in; see [`EmbeddedLog::open`].
    ///
    /// # Errors
    /// The same.
    pub fn open_with(dir: &Path, options: Options) -> Result<Arc<Self>, LogError> {
        let topics_dir = topics_dir(dir);
        create_dir(&topics_dir).map_err(|e| io_error("create", &topics_dir, e))?;
        let lock = lock(dir)?;
        sync_dir(&topics_dir).map_err(|e| io_error("sync", &topics_dir, e))?;
        let clock = Clock::new(options.clock.clone());
        let (ledger, disk_bytes, reserve) = Default::default();
        let shared = Shared { options, clock, ledger, disk_bytes, reserve };
        let open = Open { lock: Some(lock), topics: BTreeMap::new(), writers: Vec::new() };
        let inner = Inner { dir: dir.to_owned(), shared: shared.into(), open: open.into() };
        inner.recover_topics()?;
        Ok(Arc::new(Self(inner.into())))
    }

    /// The topics that there are.
    pub fn topic_names(&self) -> Vec<String> {
        self.0.lock_open().topics.keys().cloned().collect()
    }

    /// The payload bytes of a topic's records from an offset on, to which nobody commits meanwhile.
    ///
    /// # Errors
    /// `OutOfRange`, `Io` and `Damaged`.
    pub async fn payload_bytes(&self, topic: &str, from: i64) -> Result<u64, LogError> {
        let topic = self.topic(topic).await?;
        let counted = spawn_blocking(move || topic.payload_bytes(from)).await;
        counted.map_err(|error| LogError::Unavailable { reason: error.to_string() })?
    }

    /// Takes nothing more, makes durable what waits, and frees the folder for another process.
    pub async fn close(&self) {
        let inner = self.0.clone();
        if let Err(error) = spawn_blocking(move || inner.stop()).await {
            tracing::error!(%error, "the log was not closed");
        }
    }

    /// Finds a topic, which comes into being when it is first named.
    async fn topic(&self, name: &str) -> Result<Arc<Topic>, LogError> {
        if let Some(topic) = self.0.lock_open().topics.get(name) {
            return Ok(topic.clone());
        }
        let (inner, name) = (self.0.clone(), name.to_owned());
        let created = spawn_blocking(move || inner.create_topic(&name)).await;
        created.map_err(|error| LogError::Unavailable { reason: error.to_string() })?
    }

    async fn topic_of(&self, name: &str, partition: i32) -> Result<Arc<Topic>, LogError> {
        match partition {
            PARTITION => self.topic(name).await,
            _ => Err(LogError::OutOfRange { partition, requested: 0, held: 0..0 }),
        }
    }
}

impl Inner {
    fn lock_open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All positions and times must be known before anything is written.
    fn recover_topics(&self) -> Result<(), LogError> {
        let dir = topics_dir(&self.dir);
        let mut recovered = Vec::new();
        for name in topic_names(&dir).map_err(|e| io_error("list", &dir, e))? {
            if let Some(found) = recover(&*self.shared.options.disk, &dir.join(&name))? {
                self.shared.clock.advance_to(found.tail.micros);
                self.shared.ledger.load(found.tail.positions.clone());
                recovered.push((name, found));
            }
        }
        let mut open = self.lock_open();
        recovered.into_iter().try_for_each(|(name, found)| self.start_recovered(&mut open, &name, found))
    }

    fn start_recovered(&self, open: &mut Open, name: &str, found: Recovered) -> Result<(), LogError> {
        let Recovered { segments, file, tail, cut_bytes } = found;
        let last = segments.last().expect("a recovered topic has a segment").clone();
        let bytes = segments.iter().map(|segment| segment.end()).sum();
        self.shared.disk_bytes.fetch_add(bytes, Ordering::Relaxed);
        let topic = Topic::new(&self.shared, name, topics_dir(&self.dir).join(name), segments, tail.next);
        if cut_bytes > 0 {
            topic.metrics.truncated_bytes.increment(cut_bytes);
            tracing::warn!(topic = name, cut_bytes, next_offset = tail.next, "cut off an unfinished write");
        }
        let active = Active::recovered(last, file, &tail);
        self.start(open, topic.into(), active, tail.positions)
    }

    fn create_topic(&self, name: &str) -> Result<Arc<Topic>, LogError> {
        check_topic(name)?;
        let mut open = self.lock_open();
        if open.lock.is_none() {
            return Err(LogError::Unavailable { reason: "the log is closed".to_owned() });
        }
        if let Some(topic) = open.topics.get(name) {
            return Ok(topic.clone());
        }
        let dir = topics_dir(&self.dir).join(name);
        create_dir(&dir).map_err(|e| Failure::of_open(&e, &dir).to_error())?;
        let header = SegmentHeader::new(0, 0, None);
        let positions = PositionTable::default();
        let created = Active::create(&*self.shared.options.disk, &dir, header, &positions);
        let active = created.map_err(|failure| failure.to_error())?;
        self.shared.disk_bytes.fetch_add(active.segment.end(), Ordering::Relaxed);
        let topic = Arc::new(Topic::new(&self.shared, name, dir, vec![active.segment.clone()], 0));
        self.start(&mut open, topic.clone(), active, positions)?;
        Ok(topic)
    }

    fn start(
        &self,
        open: &mut Open,
        topic: Arc<Topic>,
        active: Active,
        positions: PositionTable,
    ) -> Result<(), LogError> {
        let writer = Writer::new(topic.clone(), self.shared.clone(), active, positions);
        let thread = thread::Builder::new().name(format!("log {}", topic.name)).spawn(move || writer.run());
        open.writers.push(thread.map_err(|e| io_error("start the writer of", &topic.dir, e))?);
        open.topics.insert(topic.name.to_string(), topic);
        Ok(())
    }

    fn stop(&self) {
        let mut open = self.lock_open();
        open.topics.values().for_each(|topic| topic.queue.close("the log is closed"));
        for writer in open.writers.drain(..) {
            if writer.join().is_err() {
                tracing::error!("a writer of the log panicked");
            }
        }
        if let Some(lock) = open.lock.take()
            && let Err(error) = unlock(&lock)
        {
            tracing::error!(%error, "the log was not unlocked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        let topic = self.topic(topic).await?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let payloads: Vec<_> = records.into_iter().map(|record| record.payload).collect();
        let count = payloads.len() as i64;
        let first = topic.submit(payloads, None).await?;
        Ok((first..first + count).map(|offset| (PARTITION, offset)).collect())
    }

    async fn is_own(&self, _topic: &str) -> Result<bool, LogError> {
        Ok(true)
    }

    /// One failed topic is enough: what it holds up does not go on by itself.
    fn failure(&self) -> Option<String> {
        let open = self.0.lock_open();
        open.topics.values().find_map(|topic| Some(format!("{}: {}", topic.name, topic.queue.failure()?)))
    }

    async fn partitions(&self, topic: &str) -> Result<Vec<i32>, LogError> {
        self.topic(topic).await?;
        Ok(vec![PARTITION])
    }

    async fn bounds(&self, topic: &str, partition: i32) -> Result<Range<i64>, LogError> {
        Ok(self.topic_of(topic, partition).await?.bounds())
    }

    async fn offset_for_time(&self, topic: &str, partition: i32, time: Timestamp) -> Result<i64, LogError> {
        let topic = self.topic_of(topic, partition).await?;
        let found = spawn_blocking(move || topic.offset_for_time(time.micros())).await;
        found.map_err(|error| LogError::Unavailable { reason: error.to_string() })?
    }

    async fn positions(&self, group: &str, topic: &str) -> Result<Positions, LogError> {
        Ok(self.0.shared.ledger.durable(group, topic))
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(EmbeddedReader::new(self.topic(topic).await?)))
    }

    async fn join(&self, _group: &str, topic: &str) -> Result<Box<dyn Membership>, LogError> {
        self.topic(topic).await?;
        Ok(Box::new(SoleMember { told: false }))
    }

    async fn transactor(&self, group: &str, output: &str) -> Result<Box<dyn Transactor>, LogError> {
        let output = self.topic(output).await?;
        Ok(Box::new(EmbeddedTransactor { group: group.into(), output }))
    }

    async fn release(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.topic_of(topic, partition).await?.release(offset);
        Ok(())
    }
}
