//! What can be set about the pipeline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the log is read and handed to the sinks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where a sink starts that has no stored position: `earliest`, `latest`, `group` (where the consumer group stands on the
    /// log, else `earliest`), or an ISO 8601 time. When unset: `earliest` on the embedded log, `latest` on Kafka. A stored
    /// position always wins.
    pub start: Option<Start>,
    /// Offsets to start at, by partition, instead of `start`.
    pub start_offsets: BTreeMap<i32, i64>,
    /// What to do when the log no longer holds (or never held) a sink's stored position: `stop` that sink and say so, or
    /// `skip` to the oldest record held, counting what is missing.
    pub on_missing: OnMissing,
    /// Memory for decoded records that wait for the slower sinks, in bytes of the records; a sink further behind reads the
    /// log itself.
    pub ring_bytes: usize,
    /// Size of the stretches in which the log is read and decoded, in bytes.
    pub batch_bytes: usize,
    /// An event whose id came within this many records before it in its partition is left out as a duplicate. Memory:
    /// about 60 bytes each, per partition and reader.
    pub duplicate_window_records: usize,
    /// An event received this long after its own time is marked as late, in milliseconds.
    pub late_after_ms: u64,
    /// The longest wait between two attempts at a sink that fails, in milliseconds.
    pub max_retry_wait_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            start: None,
            start_offsets: BTreeMap::new(),
            on_missing: OnMissing::Stop,
            ring_bytes: 32 << 20,
            batch_bytes: 1 << 20,
            duplicate_window_records: 65_536,
            late_after_ms: 15_000,
            max_retry_wait_ms: 10_000,
        }
    }
}

/// Where to start without a stored position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Start {
    /// The oldest record held.
    Earliest,
    /// After the newest record.
    Latest,
    /// Where the consumer group stands on the log; the oldest record held where it stands nowhere.
    Group,
    /// The first record that the log took at this time or later.
    Time(event::Timestamp),
}

impl TryFrom<String> for Start {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "group" => Ok(Self::Group),
            time => match event::Timestamp::parse(time) {
                Ok(time) => Ok(Self::Time(time)),
                Err(_) => Err(format!("must be earliest, latest, group or an ISO 8601 time, not {text:?}")),
            },
        }
    }
}

impl From<Start> for String {
    fn from(start: Start) -> Self {
        match start {
            Start::Earliest => "earliest".to_owned(),
            Start::Latest => "latest".to_owned(),
            Start::Group => "group".to_owned(),
            Start::Time(time) => time.to_string(),
        }
    }
}

/// What a stored position outside of the log means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMissing {
    /// An operator must look: the sink stops and says so.
    Stop,
    /// Go on with the oldest record held.
    Skip,
}
