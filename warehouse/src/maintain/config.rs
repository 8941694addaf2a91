//! What can be set about maintenance.

use serde::{Deserialize, Serialize};

use crate::Error;

/// When maintenance has something to do, and how much memory it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// Data files below this part of `files.target_file_bytes` are small, in percent.
    pub small_file_percent: u8,
    /// Small files of a partition that are worth merging; fewer are merged only when they fill a file together.
    pub min_small_files: usize,
    /// Rows that are sorted together, in bytes before compression. Sorting takes about twice as much memory.
    pub sort_buffer_bytes: usize,
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self { small_file_percent: 75, min_small_files: 5, sort_buffer_bytes: 64 << 20 }
    }
}

impl MaintenanceConfig {
    /// Whether every value can be used.
    ///
    /// # Errors
    /// `Config` with the name of the first one that cannot.
    pub fn check(&self) -> Result<(), Error> {
        let fault = if !(1..=100).contains(&self.small_file_percent) {
            "maintenance.small_file_percent must lie between 1 and 100"
        } else if self.min_small_files < 2 {
            "maintenance.min_small_files must be 2 or more"
        } else {
            return Ok(());
        };
        Err(Error::Config(fault.to_owned()))
    }
}
