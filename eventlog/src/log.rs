//! The port: what pageberg asks of a log. Partitions, groups and transactions have Kafka's meaning.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use event::{Advance, EventId, Positions, Timestamp};

use crate::{LogError, Receipts};

/// A record to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// Records of the same key go to the same partition, in order.
    pub key: Bytes,
    /// The event's id, for readers that do not open the payload.
    pub event_id: Option<EventId>,
    /// The record.
    pub payload: Bytes,
}

/// A record as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// When the log took it; when it was read, where the log does not say.
    pub time: Timestamp,
    /// The record.
    pub payload: Bytes,
}

/// A durable, ordered, replayable log of topics. A topic comes into being when it is first named.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Appends records and returns partition and offset of each, in the order given, once all are durable.
    /// Either all become durable or, after an error, possibly some.
    ///
    /// # Errors
    /// `Busy`, `Full` and `TooLarge` (nothing was written), `Unavailable` (unknown).
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError>;

    /// Whether pageberg has made the topic, so that nobody else's records are in it.
    async fn is_own(&self, topic: &str) -> Result<bool, LogError>;

    /// Appends records and notes in `receipts`, made for as many, which are durable. After an error, and while this waits,
    /// they tell which records need not be appended again.
    ///
    /// # Errors
    /// Those of [`EventLog::append`]; each may have been written in part.
    async fn append_each(&self, topic: &str, records: &[NewRecord], receipts: &Receipts) -> Result<(), LogError> {
        receipts.note_all(self.append(topic, records.to_vec()).await?);
        Ok(())
    }

    /// The partition that records of a key go to, where the key decides, there is more than one, and the log knows without
    /// asking anybody.
    fn partition_of(&self, _topic: &str, _key: &[u8]) -> Option<i32> {
        None
    }

    /// Why the log takes nothing more until the process is started again, once that is so.
    fn failure(&self) -> Option<String> {
        None
    }

    /// The partitions of a topic.
    async fn partitions(&self, topic: &str) -> Result<Vec<i32>, LogError>;

    /// The offsets held: from the oldest record kept to the one that comes next.
    async fn bounds(&self, topic: &str, partition: i32) -> Result<Range<i64>, LogError>;

    /// The first offset whose record was taken at `time` or later; the end of the partition when there is none.
    async fn offset_for_time(&self, topic: &str, partition: i32, time: Timestamp) -> Result<i64, LogError>;

    /// The positions that `group` has committed in `topic`.
    async fn positions(&self, group: &str, topic: &str) -> Result<Positions, LogError>;

    /// A reader of one topic, with no partition assigned yet.
    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError>;

    /// Joins the group that shares a topic's partitions among processes.
    async fn join(&self, group: &str, topic: &str) -> Result<Box<dyn Membership>, LogError>;

    /// A transactor of `group` that writes to the topic `output`.
    async fn transactor(&self, group: &str, output: &str) -> Result<Box<dyn Transactor>, LogError>;

    /// Tells that nobody needs the records of a partition before `offset` any more. The embedded log removes old
    /// segments of its held topics only below it; a log that has retention of its own ignores it.
    async fn release(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError>;
}

/// Reads a topic from given positions on, in order within a partition.
#[async_trait]
pub trait Reader: Send {
    /// Reads on from exactly these positions, of these partitions only.
    async fn assign(&mut self, positions: &Positions) -> Result<(), LogError>;

    /// The next records, about `max_bytes` of them but at least one; waits until there is one. May be dropped while it
    /// waits, without a record being lost.
    ///
    /// # Errors
    /// `OutOfRange` when an assigned position is not held; the reader stays as it was.
    async fn next(&mut self, max_bytes: usize) -> Result<Vec<Record>, LogError>;
}

/// A share in a topic's partitions, given up when dropped.
#[async_trait]
pub trait Membership: Send {
    /// The partitions that are this process's, at first and then whenever that changes. May be dropped while it waits.
    async fn assigned(&mut self) -> Result<Vec<i32>, LogError>;
}

/// Moves a group's positions together with what it wrote.
#[async_trait]
pub trait Transactor: Send {
    /// Appends `outputs` and applies `advance` to the group's positions: both or neither.
    ///
    /// # Errors
    /// `Moved` when the stored positions are not those that `advance` expects, or another process has taken the
    /// partitions over; `Unavailable` leaves it unknown whether both happened, so ask for the positions.
    async fn commit(&mut self, outputs: Vec<NewRecord>, advance: &Advance) -> Result<(), LogError>;
}
