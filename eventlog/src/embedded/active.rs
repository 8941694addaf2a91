//! The segment that is being written.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, snapshot};
use super::disk::{Disk, Failure};
use super::ledger::PositionTable;
use super::recover::Tail;
use super::segment::{Segment, SegmentHeader};
use super::walk::Place;

pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    file: File,
    /// Offset of the record that comes next.
    pub(super) next: i64,
    /// Time of the last frame, in µs.
    pub(super) micros: i64,
    /// Time of the first record, in µs.
    pub(super) first_micros: Option<i64>,
}

impl Active {
    /// Goes on with a segment that was found.
    pub(super) fn recovered(segment: Arc<Segment>, file: File, tail: &Tail) -> Self {
        Self { segment, file, next: tail.next, micros: tail.micros, first_micros: tail.first_micros }
    }

    /// Begins a segment with a snapshot of the positions.
    pub(super) fn create(
        disk: &dyn Disk,
        dir: &Path,
        header: SegmentHeader,
        positions: &PositionTable,
    ) -> Result<Self, Failure> {
        let first = snapshot(header.salt, header.base, header.micros, positions);
        let (segment, file) = Segment::create(disk, dir, header, &first)?;
        Ok(Self { segment: segment.into(), file, next: header.base, micros: header.micros, first_micros: None })
    }

    /// The header of the segment that comes after this one; one without a record is replaced by it.
    pub(super) fn next_header(&self) -> SegmentHeader {
        let previous = match self.has_records() {
            true => Some((self.segment.header.base, self.segment.end())),
            false => self.segment.header.previous,
        };
        SegmentHeader::new(self.next, self.micros, previous)
    }

    pub(super) fn has_records(&self) -> bool {
        self.next > self.segment.header.base
    }

    pub(super) fn batch(&self, buffer: Vec<u8>) -> Batch {
        let start = Place { at: self.segment.end(), offset: self.next };
        Batch::new(self.segment.header.salt, start, buffer)
    }

    /// Makes a batch durable and lets readers see it. Returns how long the sync took.
    pub(super) fn write(&mut self, disk: &dyn Disk, batch: &Batch, micros: i64) -> Result<Duration, Failure> {
        let (end, path) = (self.segment.end(), &self.segment.path);
        if let Err(error) = disk.write_at(&self.file, &batch.bytes, end) {
            self.cut_back(disk, end).map_err(|e| Failure::fatal("cut", path, &e))?;
            return Err(Failure::of_write(&error, path));
        }
        let started = Instant::now();
        if let Err(error) = disk.sync(&self.file) {
            return Err(self.after_failed_sync(disk, end, &error));
        }
        self.segment.extend(batch.end().at, &batch.entries);
        (self.next, self.micros) = (batch.end().offset, micros);
        self.first_micros = self.first_micros.or(batch.entries.first().map(|entry| entry.micros));
        Ok(started.elapsed())
    }

    /// Some file systems find room only when they sync. What they had none for was not acknowledged, and all before it is
    /// durable: without it the file is as it was.
    fn after_failed_sync(&self, disk: &dyn Disk, end: u64, error: &io::Error) -> Failure {
        let path = &self.segment.path;
        match Failure::of_write(error, path) {
            Failure::Full(reason) if self.cut_back(disk, end).is_ok() => Failure::Full(reason),
            _ => {
                // The page cache may claim what the disk has not got: the next start must not find it there. Should this
                // fail too, nothing was acknowledged.
                let _ = self.file.set_len(end);
                Failure::fatal("sync", path, error)
            }
        }
    }

    /// Takes a partial write out again, durably, lest a crash bring back what was refused.
    fn cut_back(&self, disk: &dyn Disk, end: u64) -> io::Result<()> {
        self.file.set_len(end)?;
        disk.sync(&self.file)
    }
}
