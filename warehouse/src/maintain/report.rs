//! What a round of maintenance did.

use serde::Serialize;

/// What was done, or what would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Maintained {
    /// Data files that were merged into others.
    pub files_compacted: u64,
    /// Their size in bytes.
    pub bytes_compacted: u64,
    /// Rows in them.
    pub rows_compacted: u64,
    /// Data files in their place; none in a dry run.
    pub files_written: u64,
    /// Size of these in bytes.
    pub bytes_written: u64,
    /// Groups of files that were left because another writer changed them meanwhile.
    pub groups_skipped: u64,
    /// Manifests that were merged into others.
    pub manifests_merged: u64,
    /// Snapshots that were dropped.
    pub snapshots_expired: u64,
    /// Files that nothing named, deleted.
    pub files_removed: u64,
    /// Their size in bytes.
    pub bytes_removed: u64,
}
