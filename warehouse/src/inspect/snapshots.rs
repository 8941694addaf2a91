//! The snapshots that the table holds.

use std::collections::{BTreeMap, HashMap};

use event::Timestamp;
use iceberg::spec::{Snapshot, TableMetadata};
use serde::Serialize;

use super::{at_millis, iso};
use crate::{Error, Table, maintain, positions};

/// A snapshot. Names as in PyIceberg's and Spark's `snapshots`, where they have them; counts are absent when the writer
/// told none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnapshotStatus {
    /// When it was made.
    #[serde(serialize_with = "iso")]
    pub committed_at: Option<Timestamp>,
    /// Its number.
    pub snapshot_id: i64,
    /// The snapshot that it follows.
    pub parent_id: Option<i64>,
    /// `append`, `replace`, `overwrite` or `delete`.
    pub operation: String,
    /// Who made it: `pageberg`, or what another engine calls itself; absent when it does not tell.
    pub written_by: Option<String>,
    /// Data files added.
    pub added_files: Option<u64>,
    /// Data files removed.
    pub deleted_files: Option<u64>,
    /// Rows added.
    pub added_rows: Option<u64>,
    /// Rows removed.
    pub deleted_rows: Option<u64>,
    /// Data files in all.
    pub total_files: Option<u64>,
    /// Rows in all.
    pub total_rows: Option<u64>,
    /// Bytes of data files in all.
    pub total_bytes: Option<u64>,
    /// The next offset of the log by `topic/partition`, up to which its rows reach; empty when somebody else made it.
    pub positions: BTreeMap<String, i64>,
    /// Branches and tags that point to it.
    pub refs: Vec<Reference>,
    /// Location of the list of its manifests.
    pub manifest_list: String,
}

/// A branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// `branch` or `tag`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl Table {
    /// All snapshots, the newest first.
    ///
    /// # Errors
    /// `Iceberg` when the table's branches and tags cannot be read.
    pub fn snapshots(&self) -> Result<Vec<SnapshotStatus>, Error> {
        let metadata = self.table.metadata();
        let mut references = references(metadata)?;
        let refs_of = |snapshot: &Snapshot| references.remove(&snapshot.snapshot_id()).unwrap_or_default();
        let mut refs_of = refs_of;
        let mut snapshots: Vec<_> = metadata
            .snapshots()
            .map(|snapshot| (snapshot.sequence_number(), told(snapshot, refs_of(snapshot))))
            .collect();
        snapshots.sort_by_key(|(sequence, told)| std::cmp::Reverse((*sequence, told.committed_at)));
        Ok(snapshots.into_iter().map(|(_, told)| told).collect())
    }
}

/// What a snapshot says of itself.
pub(super) fn told(snapshot: &Snapshot, refs: Vec<Reference>) -> SnapshotStatus {
    let summary = &snapshot.summary().additional_properties;
    let count = |key: &str| summary.get(key).and_then(|text| text.parse().ok());
    let positions = positions::by_place(summary);
    SnapshotStatus {
        committed_at: at_millis(snapshot.timestamp_ms()),
        snapshot_id: snapshot.snapshot_id(),
        parent_id: snapshot.parent_snapshot_id(),
        operation: snapshot.summary().operation.as_str().to_owned(),
        written_by: writer(summary, !positions.is_empty()),
        added_files: count("added-data-files"),
        deleted_files: count("deleted-data-files"),
        added_rows: count("added-records"),
        deleted_rows: count("deleted-records"),
        total_files: count("total-data-files"),
        total_rows: count("total-records"),
        total_bytes: count("total-files-size"),
        positions,
        refs,
        manifest_list: snapshot.manifest_list().to_owned(),
    }
}

/// An engine may name itself; pageberg's snapshots tell positions, those of releases that did not name themselves too.
fn writer(summary: &HashMap<String, String>, has_positions: bool) -> Option<String> {
    if has_positions {
        return Some("pageberg".to_owned());
    }
    ["engine-name", "spark.app.name", "spark.app.id"].iter().find_map(|key| summary.get(*key)).cloned()
}

fn references(metadata: &TableMetadata) -> Result<HashMap<i64, Vec<Reference>>, Error> {
    let mut by_snapshot = HashMap::<i64, Vec<Reference>>::new();
    for (name, reference) in maintain::references(metadata)? {
        let kind = if reference.is_branch() { "branch" } else { "tag" };
        by_snapshot.entry(reference.snapshot_id).or_default().push(Reference { name, kind });
    }
    by_snapshot.values_mut().for_each(|references| references.sort());
    Ok(by_snapshot)
}
