//! The log in memory, for tests: several partitions, a record of what was done, and failures on demand.

mod log;
mod partition;
mod reader;
mod state;
mod transactor;

use event::{Advance, Positions};

pub use log::MemoryLog;

/// Size of the largest record that the memory log takes, in bytes.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// An effect on the log, recorded when it took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Records were appended.
    Append {
        /// Topic.
        topic: String,
        /// Partition and offset of each.
        at: Vec<(i32, i64)>,
    },
    /// A reader was set to positions.
    Assign {
        /// Topic.
        topic: String,
        /// Next offset of each partition.
        positions: Positions,
    },
    /// A reader was given records.
    Read {
        /// Topic.
        topic: String,
        /// Partition and offset of each.
        at: Vec<(i32, i64)>,
    },
    /// A transaction was committed.
    Commit {
        /// Group.
        group: String,
        /// The topic written to.
        output: String,
        /// Partition and offset of each output.
        at: Vec<(i32, i64)>,
        /// The move of the positions.
        advance: Advance,
    },
    /// Records were released.
    Release {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Offset before which nothing is needed.
        offset: i64,
    },
}

/// What a failure can be put in the way of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`crate::EventLog::append`].
    Append,
    /// [`crate::Reader::next`], when there are records.
    Read,
    /// [`crate::Transactor::commit`].
    Commit,
    /// [`crate::EventLog::positions`].
    Positions,
}
