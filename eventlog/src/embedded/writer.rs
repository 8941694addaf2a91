//! The thread that writes one topic: drains the queue, writes and syncs once for all, then answers.

use std::fs::{self, File};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::active::Active;
use super::batch::Batch;
use super::disk::Failure;
use super::ledger::PositionTable;
use super::queue::{Drained, Request};
use super::retention::{Limits, Sealed, removable};
use super::topic::{Shared, Topic};
use crate::LogError;

/// Payload bytes after which a write takes no further request.
const BATCH_BYTES: usize = 8 << 20;
/// A segment is closed after this part of the retention time, so that quiet topics lose old records too.
const SEGMENTS_PER_RETENTION: i64 = 8;
/// Hours in microseconds must fit into 64 bits.
const MAX_RETENTION_HOURS: u64 = 1_000_000;

pub(super) struct Writer {
    topic: Arc<Topic>,
    shared: Arc<Shared>,
    active: Active,
    /// The positions in this topic's log.
    positions: PositionTable,
    buffer: Vec<u8>,
    retention_due: Instant,
    /// Whether the last write or removal failed in a way that passes; that is logged once.
    hindered: bool,
    /// Whether the last batch took appends, and refused none.
    takes_appends: bool,
}

impl Writer {
    pub(super) fn new(topic: Arc<Topic>, shared: Arc<Shared>, active: Active, positions: PositionTable) -> Self {
        let retention_due = Instant::now() + check_interval(&shared);
        Self {
            topic,
            shared,
            active,
            positions,
            buffer: Vec::new(),
            retention_due,
            hindered: false,
            takes_appends: false,
        }
    }

    /// Writes until the queue is closed and empty, or until the disk fails.
    pub(super) fn run(mut self) {
        self.count_disk();
        loop {
            let patience = self.retention_due.saturating_duration_since(Instant::now());
            let written = match self.topic.queue.drain(BATCH_BYTES, patience) {
                Drained::Requests(requests) => self.commit(requests),
                Drained::Idle => Ok(()),
                Drained::Closed => return,
            };
            // Also after a write found no room: this is what makes some.
            let retained = if Instant::now() >= self.retention_due { self.retain() } else { Ok(()) };
            for failure in [written, retained].into_iter().filter_map(Result::err) {
                if let Failure::Fatal(reason) = failure {
                    tracing::error!(topic = %self.topic.name, reason, "the log takes no more records of this topic");
                    return self.topic.queue.fail(&reason);
                }
                self.warn_once(&failure);
            }
        }
    }

    fn warn_once(&mut self, failure: &Failure) {
        if !mem::replace(&mut self.hindered, true) {
            let reason = failure.to_error();
            tracing::warn!(topic = %self.topic.name, %reason, "the log cannot be written for now");
        }
    }

    /// Makes requests durable in one write and answers each, also when it fails.
    fn commit(&mut self, requests: Vec<Request>) -> Result<(), Failure> {
        let rolled = self.roll_if_large();
        let micros = self.shared.clock.tick();
        let batch = self.stage(requests, micros);
        if batch.is_empty() {
            self.buffer = batch.bytes;
            return rolled;
        }
        let written = rolled.and_then(|()| self.write(&batch, micros));
        self.buffer = match &written {
            Ok(fsync) => self.publish(batch, *fsync),
            Err(failure) => {
                self.shared.disk_bytes.fetch_sub(batch.bytes.len() as u64, Ordering::Relaxed);
                self.topic.metrics.full.increment(u64::from(matches!(failure, Failure::Full(_))));
                batch.refuse(failure, &self.shared.ledger)
            }
        };
        self.buffer.shrink_to(2 * BATCH_BYTES);
        written.map(drop)
    }

    fn stage(&mut self, requests: Vec<Request>, micros: i64) -> Batch {
        let mut batch = self.active.batch(mem::take(&mut self.buffer));
        let (shared, topic) = (self.shared.clone(), self.topic.clone());
        let room = Room::of(&shared, &topic, self.active.next);
        let (mut taken, mut refused) = (false, false);
        for request in requests {
            let bytes = request.frame_bytes();
            let Request { payloads, commit, reply } = request;
            let change = match commit {
                None => {
                    if let Err(failure) = room.take(bytes, batch.bytes.len() as u64) {
                        self.topic.metrics.full.increment(1);
                        self.warn_once(&failure);
                        // Nobody is left to hear it when the caller has gone.
                        let _ = reply.send(Err(failure.to_error()));
                        refused = true;
                        continue;
                    }
                    taken = true;
                    None
                }
                Some((group, advance)) => match self.shared.ledger.stage(&group, &advance, micros) {
                    Some(change) => {
                        // What is written on behalf of records that are there is always taken: they could not be let go.
                        self.shared.reserve.note(&group, &advance, bytes);
                        Some(change)
                    }
                    None => {
                        let _ = reply.send(Err(LogError::Moved));
                        continue;
                    }
                },
            };
            let (is_commit, before) = (change.is_some(), batch.bytes.len());
            batch.add(micros, &payloads, change, reply);
            if is_commit {
                self.shared.disk_bytes.fetch_add((batch.bytes.len() - before) as u64, Ordering::Relaxed);
            }
        }
        self.takes_appends = taken && !refused;
        batch
    }

    fn write(&mut self, batch: &Batch, micros: i64) -> Result<Duration, Failure> {
        self.active.write(&*self.shared.options.disk, batch, micros)
    }

    fn publish(&mut self, mut batch: Batch, fsync: Duration) -> Vec<u8> {
        for change in mem::take(&mut batch.changes) {
            self.shared.ledger.confirm(&change);
            self.positions.merge(change);
        }
        self.topic.metrics.durable(batch.entries.len(), batch.payload_bytes, fsync);
        self.topic.publish_end(self.active.next);
        self.count_disk();
        self.hindered &= !self.takes_appends;
        batch.acknowledge()
    }

    fn roll_if_large(&mut self) -> Result<(), Failure> {
        if self.active.segment.end() < self.shared.options.config.segment_bytes {
            return Ok(());
        }
        self.roll()?;
        self.retention_due = Instant::now();
        Ok(())
    }

    fn roll(&mut self) -> Result<(), Failure> {
        let header = self.active.next_header();
        let disk = &*self.shared.options.disk;
        let active = Active::create(disk, &self.topic.dir, header, &self.positions)?;
        let mut segments = self.topic.segments_mut();
        self.shared.disk_bytes.fetch_add(active.segment.end(), Ordering::Relaxed);
        if !self.active.has_records() {
            segments.pop();
            self.shared.disk_bytes.fetch_sub(self.active.segment.end(), Ordering::Relaxed);
        }
        segments.push(active.segment.clone());
        drop(segments);
        self.active = active;
        Ok(())
    }

    /// Removes the segments that retention lets go.
    fn retain(&mut self) -> Result<(), Failure> {
        self.retention_due = Instant::now() + check_interval(&self.shared);
        let retention_micros =
            self.shared.options.config.retention_hours.min(MAX_RETENTION_HOURS) as i64 * 3_600_000_000;
        let now = self.shared.clock.now();
        let limits = Limits {
            bytes: self.shared.options.config.retention_bytes,
            oldest_micros: if retention_micros > 0 { now - retention_micros } else { i64::MIN },
            needed_from: self.topic.needed_from(),
        };
        let (sealed, total_bytes) = self.sealed();
        for _ in 0..removable(&sealed, total_bytes, &limits) {
            self.remove_oldest()?;
        }
        // Only now, because it needs room.
        let roll_before = now - retention_micros / SEGMENTS_PER_RETENTION;
        if retention_micros > 0 && self.active.first_micros.is_some_and(|first| first < roll_before) {
            self.roll()?;
        }
        self.count_disk();
        Ok(())
    }

    fn sealed(&self) -> (Vec<Sealed>, u64) {
        let segments = self.topic.segments();
        let sealed = segments.windows(2).map(|pair| Sealed {
            bytes: pair[0].end(),
            end_offset: pair[1].header.base,
            last_micros: pair[1].header.micros,
        });
        (sealed.collect(), segments.iter().map(|segment| segment.end()).sum())
    }

    /// Readers are told first. Each removal is durable before the next, so that no crash leaves a gap.
    fn remove_oldest(&self) -> Result<(), Failure> {
        let dir = &self.topic.dir;
        let folder = File::open(dir).map_err(|e| Failure::of_open(&e, dir))?;
        let oldest = self.topic.segments_mut().remove(0);
        fs::remove_file(&oldest.path).map_err(|e| Failure::fatal("remove", &oldest.path, &e))?;
        self.shared.options.disk.sync_dir(&folder).map_err(|e| Failure::fatal("sync", dir, &e))?;
        self.shared.disk_bytes.fetch_sub(oldest.end(), Ordering::Relaxed);
        self.topic.metrics.removed_segments.increment(1);
        tracing::info!(topic = %self.topic.name, next_offset = oldest.header.base, "removed a segment");
        Ok(())
    }

    fn count_disk(&self) {
        let segments = self.topic.segments();
        self.topic.metrics.disk(segments.len(), segments.iter().map(|segment| segment.end()).sum());
    }
}

/// What appends of one batch may take of the disk.
struct Room<'a> {
    shared: &'a Shared,
    /// Kept for those who read the topic and write into the log.
    reserved: u64,
    /// What the disk has; asked for only where something is reserved.
    free: u64,
}

impl<'a> Room<'a> {
    fn of(shared: &'a Shared, topic: &Topic, end: i64) -> Self {
        let reserved = shared.reserve.needed(&topic.name, end);
        let free = match reserved {
            0 => u64::MAX,
            // A disk that does not tell is tried.
            _ => shared.options.disk.free_bytes(&topic.dir).unwrap_or(u64::MAX),
        };
        Self { shared, reserved, free }
    }

    /// Takes `bytes` behind the `staged` ones of the batch.
    fn take(&self, bytes: u64, staged: u64) -> Result<(), Failure> {
        let limit = self.shared.options.config.max_bytes;
        let total = self.shared.disk_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let full = match (limit > 0 && total + self.reserved > limit, self.free < staged + bytes + self.reserved) {
            (false, false) => return Ok(()),
            (true, _) => format!("its limit is {limit} bytes, {} of them kept for sinks that lag", self.reserved),
            (_, true) => format!("{} bytes of the disk are kept for sinks that lag", self.reserved),
        };
        self.shared.disk_bytes.fetch_sub(bytes, Ordering::Relaxed);
        Err(Failure::Full(full))
    }
}

fn check_interval(shared: &Shared) -> Duration {
    Duration::from_millis(shared.options.config.retention_check_ms.max(1))
}

/// However the thread ends, nobody waits for it in vain.
impl Drop for Writer {
    fn drop(&mut self) {
        self.topic.queue.fail("the writer has stopped; restart");
    }
}
