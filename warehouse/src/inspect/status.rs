//! The table in one view.

use std::collections::BTreeMap;

use event::Timestamp;
use iceberg::spec::{NullOrder, PartitionField, SortDirection, SortField};
use serde::Serialize;

use super::snapshots::told;
use super::{DataFileStatus, Limits, PartitionStatus, SnapshotStatus, at_millis, iso, partitions};
use crate::commit::live_manifests;
use crate::{CatalogKind, Error, Table, lineage, positions};

const HOUR_MS: i64 = 60 * 60 * 1000;

/// How the table stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableStatus {
    /// Namespace and name.
    pub name: String,
    /// The kind of catalog that holds it.
    pub catalog: CatalogKind,
    /// Location of its folder.
    pub location: String,
    /// Location of its current metadata file.
    pub metadata_location: String,
    /// Size of that file in bytes.
    pub metadata_bytes: u64,
    /// Iceberg's format version.
    pub format_version: u8,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Data files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Size of a data file on average, in bytes.
    pub average_file_bytes: u64,
    /// The data files that are small.
    pub small_files: SmallFiles,
    /// Files that tell of deleted rows.
    pub delete_files: u64,
    /// Partitions with rows.
    pub partitions: usize,
    /// Partitions with more small files than maintenance would leave, one a partition.
    pub partitions_to_compact: usize,
    /// Manifests of the current snapshot.
    pub manifests: usize,
    /// Snapshots.
    pub snapshots: usize,
    /// Snapshots made within the last hour, as far as they are held.
    pub commits_last_hour: usize,
    /// When the oldest of them was made: so far back can be travelled.
    #[serde(serialize_with = "iso")]
    pub oldest_snapshot_at: Option<Timestamp>,
    /// The table's partitioning, as `transform(column)`.
    pub partition_spec: Vec<String>,
    /// The order of rows in a file, as `column asc nulls first`; empty when the table prescribes none.
    pub sort_order: Vec<String>,
    /// The current snapshot; absent in a table that nobody has written to.
    pub last_commit: Option<SnapshotStatus>,
    /// When rows were last added.
    #[serde(serialize_with = "iso")]
    pub last_append_at: Option<Timestamp>,
    /// When data files or manifests were last merged.
    #[serde(serialize_with = "iso")]
    pub last_rewrite_at: Option<Timestamp>,
    /// A bound above the time at which the newest row was received.
    #[serde(serialize_with = "iso")]
    pub newest_received_at: Option<Timestamp>,
    /// A bound above the time of the newest event.
    #[serde(serialize_with = "iso")]
    pub last_event_at: Option<Timestamp>,
    /// The next offset of the log by `topic/partition`, up to which the rows reach.
    pub positions: BTreeMap<String, i64>,
}

/// Data files below a limit, and their share in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SmallFiles {
    /// The limit in bytes.
    pub below_bytes: u64,
    /// Files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Their share in the number of files, from 0 to 1.
    pub file_share: f64,
    /// Their share in the bytes, from 0 to 1.
    pub byte_share: f64,
}

impl SmallFiles {
    /// The small ones among the files of these partitions.
    pub fn among(partitions: &[PartitionStatus], limits: Limits) -> Self {
        let sum = |part: fn(&PartitionStatus) -> u64| partitions.iter().map(part).sum::<u64>();
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let (files, bytes) = (sum(|told| told.small_file_count), sum(|told| told.small_file_bytes));
        Self {
            below_bytes: limits.small_bytes,
            files,
            bytes,
            file_share: share(files, sum(|told| told.file_count)),
            byte_share: share(bytes, sum(|told| told.total_data_file_size_in_bytes)),
        }
    }
}

impl Table {
    /// The table in one view, `files` being its own [`Table::files`].
    ///
    /// # Errors
    /// `Iceberg` when metadata or the list of manifests cannot be read.
    pub async fn status(&self, files: &[DataFileStatus], limits: Limits) -> Result<TableStatus, Error> {
        let metadata = self.table.metadata();
        let vitals = self.vitals().await?;
        let an_hour_ago = Timestamp::now().millis() - HOUR_MS;
        let partitions = partitions(files, limits);
        let bytes: u64 = files.iter().map(|file| file.file_size_in_bytes).sum();
        let made = |operation: &str| {
            let of_kind = metadata.snapshots().filter(|snapshot| snapshot.summary().operation.as_str() == operation);
            of_kind.map(|snapshot| snapshot.timestamp_ms()).max().and_then(at_millis)
        };
        let current = metadata.current_snapshot().map(|snapshot| told(snapshot, Vec::new()));
        Ok(TableStatus {
            name: self.table.identifier().to_string(),
            catalog: self.config.catalog.kind,
            location: metadata.location().to_owned(),
            metadata_location: self.table.metadata_location().unwrap_or_default().to_owned(),
            metadata_bytes: vitals.metadata_bytes,
            format_version: metadata.format_version() as u8,
            rows: files.iter().map(|file| file.record_count).sum(),
            files: files.len() as u64,
            bytes,
            average_file_bytes: bytes / (files.len() as u64).max(1),
            small_files: SmallFiles::among(&partitions, limits),
            delete_files: vitals.delete_files,
            partitions: partitions.len(),
            partitions_to_compact: partitions.iter().filter(|told| told.small_file_count > 1).count(),
            manifests: live_manifests(&self.table).await?.len(),
            snapshots: metadata.snapshots().len(),
            commits_last_hour: metadata.snapshots().filter(|snapshot| snapshot.timestamp_ms() > an_hour_ago).count(),
            oldest_snapshot_at: metadata.snapshots().map(|snapshot| snapshot.timestamp_ms()).min().and_then(at_millis),
            partition_spec: metadata
                .default_partition_spec()
                .fields()
                .iter()
                .map(|field| self.partitioned(field))
                .collect(),
            sort_order: metadata.default_sort_order().fields.iter().map(|field| self.sorted(field)).collect(),
            last_commit: current,
            last_append_at: made("append"),
            last_rewrite_at: made("replace"),
            newest_received_at: files.iter().filter_map(|file| file.last_received_at).max(),
            last_event_at: files.iter().filter_map(|file| file.last_event_at).max(),
            positions: positions::by_place(&lineage::standing(metadata)?.positions),
        })
    }

    fn partitioned(&self, field: &PartitionField) -> String {
        format!("{}({})", field.transform, self.column(field.source_id))
    }

    fn sorted(&self, field: &SortField) -> String {
        let direction = if field.direction == SortDirection::Ascending { "asc" } else { "desc" };
        let nulls = if field.null_order == NullOrder::First { "first" } else { "last" };
        format!("{}({}) {direction} nulls {nulls}", field.transform, self.column(field.source_id))
    }

    fn column(&self, id: i32) -> &str {
        self.table.metadata().current_schema().name_by_field_id(id).unwrap_or("a dropped column")
    }
}
