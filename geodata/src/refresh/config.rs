//! What can be set about taking up newer database files.

use serde::{Deserialize, Serialize};

/// How the files are watched, and which newer ones are taken. A restart takes whatever is sound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How often the files are looked at for a change, in milliseconds; 0 never. A changed file is read when it was the same
    /// at two looks, so that one which is still being written is left alone.
    pub check_interval_ms: u64,
    /// How often a file is read although nothing about it seems to have changed, in milliseconds.
    pub content_check_interval_ms: u64,
    /// Largest file that is read, in bytes.
    pub max_file_bytes: u64,
    /// A newer file must have at least this percentage of the size of the one in use; 0 lets any pass.
    pub min_size_percent: u64,
    /// Whether a file built before the one in use may take its place.
    pub allow_older: bool,
    /// Of the probe addresses whose country (or city, or another field) the file in use knows, a newer one must know it for
    /// at least this percentage; 0 lets any pass. The probes are spread over all addresses, and some are recent visitors'.
    pub min_known_percent: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            check_interval_ms: 10_000,
            content_check_interval_ms: 600_000,
            max_file_bytes: 4 << 30,
            min_size_percent: 50,
            allow_older: false,
            min_known_percent: 50,
        }
    }
}
