//! What a round of maintenance did.

use derive_more::AddAssign;
use serde::Serialize;

/// What was done, or what would be. The sum of two tables' rounds tells what they did together.
#[derive(AddAssign, Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Maintained {
    /// Data files that were merged into others.
    pub files_compacted: u64,
    /// Their size in bytes.
    pub bytes_compacted: u64,
    /// Rows in them.
    pub rows_compacted: u64,
    /// Data files in their place.
    pub files_written: u64,
    /// Size of these in bytes; in a dry run an estimate.
    pub bytes_written: u64,
    /// Changes that were left because other writers were first: merges of data files, of manifests, dropped snapshots.
    pub groups_skipped: u64,
    /// Files of deleted rows that were dropped because they apply to no data file any more.
    pub delete_files_dropped: u64,
    /// Small files that wait until their partition has enough of them, or is over.
    pub files_left_small: u64,
    /// Files that were left because they are no Parquet files.
    pub files_left_unreadable: u64,
    /// Manifests that were merged into others.
    pub manifests_merged: u64,
    /// Snapshots that were dropped.
    pub snapshots_expired: u64,
    /// Files that nothing named, deleted.
    pub files_removed: u64,
    /// Their size in bytes.
    pub bytes_removed: u64,
    /// Folders that were left without files, removed; none in a dry run.
    pub folders_removed: u64,
    /// Time that merging data files took, in milliseconds.
    pub compaction_ms: u64,
    /// Time that merging manifests took, in milliseconds.
    pub manifests_ms: u64,
    /// Time that dropping snapshots took, in milliseconds.
    pub snapshots_ms: u64,
    /// Time that finding and deleting files that nothing names took, in milliseconds.
    pub removal_ms: u64,
}

impl Maintained {
    /// Whether anything was done, or would be.
    pub fn has_changed_something(&self) -> bool {
        let changes = [
            self.files_compacted,
            self.delete_files_dropped,
            self.manifests_merged,
            self.snapshots_expired,
            self.files_removed,
            self.folders_removed,
        ];
        changes.iter().any(|count| *count > 0)
    }
}
