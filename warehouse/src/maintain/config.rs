//! What can be set about maintenance.

use serde::{Deserialize, Serialize};

use crate::Error;

/// When maintenance has something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaintenanceConfig {
    /// Whether the process that writes the table also maintains it. `pageberg maintain` does it in any case.
    pub enabled: bool,
    /// From one round to the next, in milliseconds.
    pub interval_ms: u64,
    /// Data files below this part of `files.target_file_bytes` are small, in percent.
    pub small_file_percent: u8,
    /// How many times the rows of its largest file a merge of small files must have, unless it fills a file; so many
    /// files at least are merged. A larger number rewrites each row less often and leaves more small files.
    pub min_small_files: usize,
    /// How long a partition is to be unchanged for its last merge, in milliseconds: then everything in it becomes the
    /// fewest files of the target size, without deleted rows. Where more than a hundred times the rows would have to be
    /// rewritten that have come late, it waits as much longer.
    pub settled_after_ms: u64,
    /// Size of a good manifest, in bytes; those below three quarters of it are small.
    pub target_manifest_bytes: u64,
    /// Small manifests that are worth merging.
    pub min_small_manifests: usize,
    /// Snapshots of each branch that are kept however old they are.
    pub snapshot_min_count: usize,
    /// Snapshots of each branch that are kept until they are `snapshot_max_age_ms` old; of more, the oldest go sooner.
    pub snapshot_max_count: usize,
    /// How long a snapshot is kept after the next one took its place, in milliseconds: so far back can be travelled.
    pub snapshot_max_age_ms: u64,
    /// How long a snapshot is kept at least after the next one took its place, in milliseconds, however many there are.
    /// A query that takes longer may find its files gone.
    pub snapshot_min_age_ms: u64,
    /// Age at which a file that no snapshot names is deleted, in milliseconds. It must exceed the time from a data
    /// file's last byte to its commit, whichever engine writes it.
    pub unreferenced_grace_ms: u64,
    /// Whether snapshots and files are left of a table that says `gc.enabled = false`. A catalog such as Nessie says so,
    /// because its own history names them; without this they go all the same, and that history can no longer be read.
    pub honour_gc_enabled: bool,
    /// Age at which a metadata file is deleted that the table's log of them no longer names, in milliseconds.
    pub metadata_grace_ms: u64,
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_ms: 10 * 60 * 1000,
            small_file_percent: 75,
            min_small_files: 5,
            settled_after_ms: 60 * 60 * 1000,
            target_manifest_bytes: 8 << 20,
            min_small_manifests: 20,
            snapshot_min_count: 10,
            snapshot_max_count: 500,
            snapshot_max_age_ms: 24 * 60 * 60 * 1000,
            snapshot_min_age_ms: 60 * 60 * 1000,
            honour_gc_enabled: true,
            unreferenced_grace_ms: 24 * 60 * 60 * 1000,
            metadata_grace_ms: 60 * 60 * 1000,
        }
    }
}

impl MaintenanceConfig {
    /// Whether every value can be used.
    ///
    /// # Errors
    /// `Config` with the name of the first one that cannot.
    pub fn check(&self) -> Result<(), Error> {
        let fault = if self.interval_ms == 0 {
            "maintenance.interval_ms must not be 0"
        } else if !(1..=100).contains(&self.small_file_percent) {
            "maintenance.small_file_percent must lie between 1 and 100"
        } else if self.min_small_files < 2 {
            "maintenance.min_small_files must be 2 or more"
        } else if self.min_small_manifests < 2 {
            "maintenance.min_small_manifests must be 2 or more"
        } else if self.snapshot_min_count == 0 || self.snapshot_max_count < self.snapshot_min_count {
            "maintenance.snapshot_min_count must be 1 or more, and snapshot_max_count not less"
        } else if self.snapshot_max_age_ms < self.snapshot_min_age_ms {
            "maintenance.snapshot_max_age_ms must not be less than snapshot_min_age_ms"
        } else {
            return Ok(());
        };
        Err(Error::Config(fault.to_owned()))
    }
}
