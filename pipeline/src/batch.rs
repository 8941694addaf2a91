//! What the pipeline hands to sinks: enriched events in log order, with the stretch of the log that they come from.

use std::collections::BTreeMap;
use std::ops::Range;

use event::{DeadLetter, Enriched};

/// Events of one topic in log order, with the offsets that they cover.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The events to deliver, in log order within a partition.
    pub events: Vec<Enriched>,
    /// The records that could not be decoded.
    pub undecodable: Vec<DeadLetter>,
    /// The offsets covered, per partition. More than the events: undecodable and duplicate records count too.
    pub covers: BTreeMap<i32, Range<i64>>,
    /// Records left out because an event of the same id came shortly before.
    pub duplicates: usize,
    /// Memory that the records took, in bytes.
    pub bytes: usize,
}
