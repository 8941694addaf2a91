//! One topic as readers and writers share it: its segments, the end of what is durable, and the queue of its writer.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use event::Advance;
use tokio::sync::{oneshot, watch};

use super::clock::Clock;
use super::config::Options;
use super::disk::io_error;
use super::ledger::Ledger;
use super::queue::{Queue, Request};
use super::reserve::Reserve;
use super::segment::Segment;
use crate::LogError;
use crate::metrics::TopicMetrics;

/// The only partition that a topic has here.
pub(super) const PARTITION: i32 = 0;
const SCAN_CHUNK_BYTES: usize = 128 << 10;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(1);

/// What the topics of one log have in common.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) clock: Clock,
    pub(super) ledger: Ledger,
    /// Bytes of all segment files.
    pub(super) disk_bytes: AtomicU64,
    pub(super) reserve: Reserve,
}

pub(super) struct Topic {
    pub(super) name: Arc<str>,
    pub(super) dir: PathBuf,
    pub(super) queue: Queue,
    pub(super) metrics: Arc<TopicMetrics>,
    /// By base offset; the last one is being written.
    segments: RwLock<Vec<Arc<Segment>>>,
    /// Offset after the last durable record.
    end: watch::Sender<i64>,
    held: bool,
    released: AtomicI64,
    max_record_bytes: u32,
}

/// Whether a topic is one of those that `held` stands for.
fn is_meant(held: &str, name: &str) -> bool {
    held.strip_suffix('*').map_or(held == name, |beginning| name.starts_with(beginning))
}

impl Topic {
    pub(super) fn new(shared: &Shared, name: &str, dir: PathBuf, segments: Vec<Arc<Segment>>, end: i64) -> Self {
        let Options { config, held_topics, .. } = &shared.options;
        let metrics = Arc::new(TopicMetrics::new(name));
        Self {
            name: name.into(),
            dir,
            queue: Queue::new(config.queue_bytes, config.queue_records, metrics.clone()),
            metrics,
            segments: RwLock::new(segments),
            end: watch::Sender::new(end),
            held: held_topics.iter().any(|held| is_meant(held, name)),
            released: AtomicI64::new(i64::MIN),
            max_record_bytes: config.max_record_bytes,
        }
    }

    /// Has the writer make records, and perhaps positions, durable in one piece. Returns the first record's offset.
    pub(super) async fn submit(
        &self,
        payloads: Vec<Bytes>,
        commit: Option<(Arc<str>, Advance)>,
    ) -> Result<i64, LogError> {
        let limit = self.max_record_bytes as usize;
        if let Some(large) = payloads.iter().find(|payload| payload.len() > limit) {
            return Err(LogError::TooLarge { bytes: large.len(), limit });
        }
        let (reply, answer) = oneshot::channel();
        self.queue.push(Request { payloads, commit, reply })?;
        let stopped = |_| LogError::Unavailable { reason: format!("the writer of {} has stopped", self.name) };
        answer.await.map_err(stopped)?
    }

    /// The offsets of the durable records.
    pub(super) fn bounds(&self) -> Range<i64> {
        let start = self.segments().first().map_or(0, |segment| segment.header.base);
        start..self.end_offset()
    }

    pub(super) fn end_offset(&self) -> i64 {
        *self.end.borrow()
    }

    pub(super) fn watch_end(&self) -> watch::Receiver<i64> {
        self.end.subscribe()
    }

    pub(super) fn publish_end(&self, end: i64) {
        self.end.send_replace(end);
    }

    pub(super) fn segments(&self) -> RwLockReadGuard<'_, Vec<Arc<Segment>>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn segments_mut(&self) -> RwLockWriteGuard<'_, Vec<Arc<Segment>>> {
        self.segments.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The segment in which the record of `offset` is or will be.
    pub(super) fn segment_of(&self, offset: i64) -> Result<Arc<Segment>, LogError> {
        let segments = self.segments();
        let after = segments.partition_point(|segment| segment.header.base <= offset);
        match after.checked_sub(1) {
            Some(index) if offset <= self.end_offset() => Ok(segments[index].clone()),
            _ => {
                drop(segments);
                Err(self.out_of_range(offset))
            }
        }
    }

    /// The segment that begins last before `micros`. Its last records may be of that time: the next segment's header
    /// has the time of the last one.
    fn segment_of_time(&self, micros: i64) -> Arc<Segment> {
        let segments = self.segments();
        let later = segments.partition_point(|segment| segment.header.micros < micros);
        segments[later.saturating_sub(1)].clone()
    }

    pub(super) fn out_of_range(&self, requested: i64) -> LogError {
        LogError::OutOfRange { partition: PARTITION, requested, held: self.bounds() }
    }

    /// Opens the segment that `pick` gives, which retention may remove in the meantime.
    pub(super) fn open(
        &self,
        pick: impl Fn() -> Result<Arc<Segment>, LogError>,
    ) -> Result<(Arc<Segment>, File), LogError> {
        loop {
            let segment = pick()?;
            let file = File::open(&segment.path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => self.out_of_range(segment.header.base),
                _ => io_error("open", &segment.path, error),
            })?;
            // A segment without a record may just have been replaced by a file of the same name.
            if segment.is_in(&file)? {
                return Ok((segment, file));
            }
            // Its writer tells in a moment, unless that has failed right there.
            match self.queue.failure() {
                Some(reason) => return Err(LogError::Unavailable { reason }),
                None => thread::sleep(LOOK_AGAIN_AFTER),
            }
        }
    }

    /// The payload bytes of the durable records from an offset on, where no positions stand between the records.
    pub(super) fn payload_bytes(&self, from: i64) -> Result<u64, LogError> {
        let mut bytes = 0;
        let mut offset = from;
        let end = self.end_offset();
        while offset < end {
            let (segment, file) = self.open(|| self.segment_of(offset))?;
            let segments = self.segments();
            let after = segments.iter().find(|later| later.header.base > segment.header.base);
            let next = after.map_or(end, |later| later.header.base);
            drop(segments);
            bytes += segment.payload_bytes_from(&file, offset, next)?;
            offset = next;
        }
        Ok(bytes)
    }

    /// The first offset whose record is of `micros` or later; the end when there is none.
    pub(super) fn offset_for_time(&self, micros: i64) -> Result<i64, LogError> {
        let (segment, file) = self.open(|| Ok(self.segment_of_time(micros)))?;
        let from = segment.look_up(&file, |index| index.before_time(micros))?;
        let mut walk = segment.walk(&file, from, SCAN_CHUNK_BYTES);
        while let Some(frame) = walk.next().map_err(|stop| segment.error(stop))? {
            if !frame.header.control && frame.header.micros >= micros {
                return Ok(frame.header.offset);
            }
        }
        Ok(walk.place().offset)
    }

    pub(super) fn release(&self, offset: i64) {
        self.released.fetch_max(offset, Ordering::Relaxed);
    }

    /// The first offset that retention must leave.
    pub(super) fn needed_from(&self) -> i64 {
        if self.held { self.released.load(Ordering::Relaxed) } else { i64::MAX }
    }
}
