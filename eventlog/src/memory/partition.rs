//! The records of one partition.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use event::Timestamp;

use crate::{LogError, Record};

#[derive(Default)]
pub(super) struct Partition {
    start: i64,
    records: VecDeque<Record>,
}

impl Partition {
    pub(super) fn bounds(&self) -> Range<i64> {
        self.start..self.start + self.records.len() as i64
    }

    /// Appends a record and returns its offset.
    pub(super) fn push(&mut self, partition: i32, time: Timestamp, payload: Bytes) -> i64 {
        let offset = self.bounds().end;
        self.records.push_back(Record { partition, offset, time, payload });
        offset
    }

    /// The records from an offset on, which must be held or be the end.
    pub(super) fn read(&self, partition: i32, from: i64) -> Result<impl Iterator<Item = &Record>, LogError> {
        let held = self.bounds();
        if from < held.start || from > held.end {
            return Err(LogError::OutOfRange { partition, requested: from, held });
        }
        Ok(self.records.range((from - self.start) as usize..))
    }

    pub(super) fn offset_for_time(&self, time: Timestamp) -> i64 {
        self.start + self.records.partition_point(|record| record.time < time) as i64
    }

    pub(super) fn remove_before(&mut self, offset: i64) {
        let removed = (offset.min(self.bounds().end) - self.start).max(0);
        self.records.drain(..removed as usize);
        self.start += removed;
    }

    pub(super) fn remove_from(&mut self, offset: i64) {
        self.records.truncate((offset - self.start).max(0) as usize);
    }
}
