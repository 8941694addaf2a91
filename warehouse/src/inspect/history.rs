//! Which snapshot was the current one when, and which metadata files there were.

use std::collections::HashSet;

use event::Timestamp;
use serde::Serialize;

use super::{at_millis, iso};
use crate::Table;

/// A moment at which a snapshot became the current one. Names as in PyIceberg's and Spark's `history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// When.
    #[serde(serialize_with = "iso")]
    pub made_current_at: Option<Timestamp>,
    /// The snapshot.
    pub snapshot_id: i64,
    /// The snapshot that it follows; absent when it is the first or has been dropped.
    pub parent_id: Option<i64>,
    /// Whether the table's current snapshot came out of it; false for one that was rolled back.
    pub is_current_ancestor: bool,
}

/// A metadata file of the table. Names as in PyIceberg's `metadata_log_entries`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetadataLogEntry {
    /// When it was written.
    #[serde(serialize_with = "iso")]
    pub timestamp: Option<Timestamp>,
    /// Its location.
    pub file: String,
    /// The snapshot that was current in it, as far as the table's log reaches back.
    pub latest_snapshot_id: Option<i64>,
}

impl Table {
    /// Which snapshot was the current one when, the newest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        let metadata = self.table.metadata();
        let parent = |id: i64| metadata.snapshot_by_id(id).and_then(|snapshot| snapshot.parent_snapshot_id());
        let ancestors: HashSet<i64> = std::iter::successors(metadata.current_snapshot_id(), |id| parent(*id)).collect();
        let entries = metadata.history().iter().rev().map(|entry| HistoryEntry {
            made_current_at: at_millis(entry.timestamp_ms),
            snapshot_id: entry.snapshot_id,
            parent_id: parent(entry.snapshot_id),
            is_current_ancestor: ancestors.contains(&entry.snapshot_id),
        });
        entries.collect()
    }

    /// The metadata files that the table names, the newest and current one first.
    pub fn metadata_log(&self) -> Vec<MetadataLogEntry> {
        let metadata = self.table.metadata();
        let current = self.table.metadata_location().map(|file| (file.to_owned(), metadata.last_updated_ms()));
        let past = metadata.metadata_log().iter().map(|past| (past.metadata_file.clone(), past.timestamp_ms));
        let snapshot_at = |time_ms: i64| {
            let reached = metadata.history().iter().rev().find(|entry| entry.timestamp_ms <= time_ms);
            reached.map(|entry| entry.snapshot_id)
        };
        let entries = past.chain(current).map(|(file, time_ms)| MetadataLogEntry {
            timestamp: at_millis(time_ms),
            file,
            latest_snapshot_id: snapshot_at(time_ms),
        });
        let mut entries: Vec<_> = entries.collect();
        entries.reverse();
        entries
    }
}
