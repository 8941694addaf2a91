//! A record that could not go on, kept with its bytes.

use std::fmt;

use crate::{LogPosition, Timestamp};

/// A record that could not be decoded or written. `position` and `stage` together identify it.
#[derive(Clone, PartialEq, Debug)]
pub struct DeadLetter {
    /// The record's bytes, unchanged.
    pub payload: Vec<u8>,
    /// Where it stopped.
    pub stage: Stage,
    /// Why, in words for the operator.
    pub reason: String,
    /// The record's place in the log.
    pub position: LogPosition,
    /// When the log took the record.
    pub time: Timestamp,
}

/// The stage at which a record stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// The record could not be read as an event: no sink has it.
    Decode,
    /// The named sink refused the row: only that sink lacks it.
    Sink(String),
}

/// `decode`, or `sink:` and the sink's name.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode => f.write_str("decode"),
            Self::Sink(name) => write!(f, "sink:{name}"),
        }
    }
}

impl Stage {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("sink:") {
            Some(name) => Some(Self::Sink(name.to_owned())),
            None => (text == "decode").then_some(Self::Decode),
        }
    }
}
