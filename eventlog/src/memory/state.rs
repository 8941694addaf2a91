//! What the memory log holds, and the failures that wait to happen.

use std::collections::BTreeMap;

use event::{Positions, Timestamp};

use super::partition::Partition;
use super::{Action, MAX_RECORD_BYTES, Operation};
use crate::{LogError, NewRecord};

#[derive(Default)]
pub(super) struct State {
    partitions: i32,
    topics: BTreeMap<String, Vec<Partition>>,
    /// By group and topic.
    pub(super) positions: BTreeMap<(String, String), Positions>,
    pub(super) actions: Vec<Action>,
    pub(super) faults: Vec<(Operation, Fault)>,
    pub(super) unavailable: bool,
    /// The time of records; the system's when `None`.
    pub(super) time: Option<Timestamp>,
    last_time: Timestamp,
}

/// How an operation fails.
pub(super) enum Fault {
    /// It has no effect.
    Refuse(LogError),
    /// It has its effect, but its caller is not told.
    LoseAnswer,
}

impl State {
    pub(super) fn new(partitions: i32) -> Self {
        Self { partitions, ..Self::default() }
    }

    /// Does `effect`, unless a failure waits for this operation.
    pub(super) fn attempt<T>(
        &mut self,
        operation: Operation,
        effect: impl FnOnce(&mut Self) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        if self.unavailable {
            return Err(unavailable("it was made so"));
        }
        let fault = self.faults.iter().position(|(of, _)| *of == operation).map(|index| self.faults.remove(index).1);
        match fault {
            Some(Fault::Refuse(error)) => Err(error),
            Some(Fault::LoseAnswer) => effect(self).and(Err(unavailable("the answer was lost"))),
            None => effect(self),
        }
    }

    pub(super) fn topic(&mut self, topic: &str) -> &mut Vec<Partition> {
        let partitions = self.partitions;
        self.topics.entry(topic.to_owned()).or_insert_with(|| (0..partitions).map(|_| Partition::default()).collect())
    }

    pub(super) fn partition(&mut self, topic: &str, partition: i32) -> Result<&mut Partition, LogError> {
        let unknown = LogError::OutOfRange { partition, requested: 0, held: 0..0 };
        let index = usize::try_from(partition);
        index.ok().and_then(|index| self.topic(topic).get_mut(index)).ok_or(unknown)
    }

    /// Appends records, each to its key's partition.
    pub(super) fn append(&mut self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        if let Some(large) = records.iter().find(|record| record.payload.len() > MAX_RECORD_BYTES) {
            return Err(LogError::TooLarge { bytes: large.payload.len(), limit: MAX_RECORD_BYTES });
        }
        let time = self.time.unwrap_or_else(Timestamp::now).max(self.last_time);
        self.last_time = time;
        let partitions = self.partitions;
        let push = |record: NewRecord| {
            let partition = (crc32c::crc32c(&record.key) % partitions as u32) as i32;
            Ok((partition, self.partition(topic, partition)?.push(partition, time, record.payload)))
        };
        records.into_iter().map(push).collect()
    }
}

fn unavailable(reason: &str) -> LogError {
    LogError::Unavailable { reason: reason.to_owned() }
}
