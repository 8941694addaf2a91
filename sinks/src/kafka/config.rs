//! What can be set about the downstream topic.

use serde::{Deserialize, Serialize};

/// How events go to the downstream topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Events after which a batch is committed.
    pub max_batch_events: usize,
    /// Size of its records at which a batch is committed, in bytes.
    pub max_batch_bytes: usize,
    /// Age of its oldest event at which a batch is committed, in milliseconds.
    pub max_batch_age_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_batch_events: 20_000, max_batch_bytes: 8 << 20, max_batch_age_ms: 200 }
    }
}
