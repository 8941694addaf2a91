//! What can be set about the embedded log, and what its owner passes along with it.

use std::sync::Arc;

use event::Timestamp;
use serde::{Deserialize, Serialize};

use super::disk::{Disk, OsDisk};
use super::steady::steady_clock;

/// Settings of the embedded log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Size at which a segment file is closed and the next one begun. Retention removes whole segments.
    pub segment_bytes: u64,
    /// Age at which a topic's records are removed; 0 keeps them whatever their age.
    pub retention_hours: u64,
    /// Size of one topic above which its oldest segments are removed; 0 sets no limit.
    pub retention_bytes: u64,
    /// Time between two looks for segments to be removed.
    pub retention_check_ms: u64,
    /// Size of all topics together above which appends are refused as long as nothing is removed; 0 leaves it to the
    /// disk. Of both, appends leave what sinks that write into the log still need; these may exceed the limit.
    pub max_bytes: u64,
    /// Payload bytes of one topic that may wait to be written; more is refused as busy.
    pub queue_bytes: usize,
    /// Records of one topic that may wait to be written; more are refused as busy.
    pub queue_records: usize,
    /// Size of the largest record taken.
    pub max_record_bytes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            retention_hours: 7 * 24,
            retention_bytes: 0,
            retention_check_ms: 60_000,
            max_bytes: 0,
            queue_bytes: 64 << 20,
            queue_records: 100_000,
            max_record_bytes: 16 << 20,
        }
    }
}

/// Everything that a log is opened with: the settings, and what the program wires in.
#[derive(Clone)]
pub struct Options {
    /// The settings.
    pub config: Config,
    /// Topics that lose only segments wholly below the offset last given to `release`, and none before the first call. A name
    /// that ends in `*` stands for all that begin so.
    pub held_topics: Vec<String>,
    /// Where the time of records comes from. It may jump back: the time of records does not.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// What writes the files.
    pub disk: Arc<dyn Disk>,
}

impl From<Config> for Options {
    fn from(config: Config) -> Self {
        Self { config, held_topics: Vec::new(), clock: steady_clock(), disk: Arc::new(OsDisk) }
    }
}
