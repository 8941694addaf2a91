//! What can go wrong with the log, told apart by what the caller can do.

use std::ops::Range;

/// A failed log operation.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Too much is waiting to become durable; try again shortly. Nothing was written.
    #[error("the log is busy")]
    Busy,
    /// The log cannot be written or reached now; it may come back by itself. Whether the records became durable is unknown.
    #[error("the log is unavailable: {reason}")]
    Unavailable {
        /// For the operator.
        reason: String,
    },
    /// The disk, or the log's size limit, leaves no room. Nothing was written.
    #[error("the log has no room left: {reason}")]
    Full {
        /// For the operator.
        reason: String,
    },
    /// One record is larger than the log takes.
    #[error("a record of {bytes} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// Size of the record.
        bytes: usize,
        /// The largest size taken.
        limit: usize,
    },
    /// No such topic.
    #[error("there is no topic {0}")]
    UnknownTopic(String),
    /// The offset is before what is kept, or after the end.
    #[error("offset {requested} of partition {partition} is outside of what the log holds, {} to {}", held.start, held.end)]
    OutOfRange {
        /// Partition.
        partition: i32,
        /// The offset asked for.
        requested: i64,
        /// The offsets that the log holds.
        held: Range<i64>,
    },
    /// The log holds another record than the one that was delivered from there.
    #[error(
        "partition {partition} holds another record at offset {offset} than the one that was delivered: the topic was made \
         anew under the same name, or has lost its newest records; say where to go on with `pageberg positions set`"
    )]
    Replaced {
        /// Partition.
        partition: i32,
        /// The offset of the record.
        offset: i64,
    },
    /// The stored positions are not those that the commit expects: another process is ahead. Nothing was written.
    #[error("another process has moved the positions")]
    Moved,
    /// Damage that only an operator can judge; the text names the file and the offset.
    #[error("the log is damaged: {0}")]
    Damaged(String),
    /// Another process uses the same log.
    #[error("the log in {0} is used by another process")]
    Locked(String),
    /// Settings that no log can be made of.
    #[error("the log is misconfigured: {0}")]
    Misconfigured(String),
    /// Any other failure of the disk.
    #[error("{context}")]
    Io {
        /// What was attempted, and on which file.
        context: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl LogError {
    /// Whether the same call may succeed later without anybody's help.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable { .. } | Self::Full { .. } | Self::Moved)
    }
}
