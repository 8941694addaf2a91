//! The names of the sinks' own metrics; what all sinks have in common is counted by the pipeline.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Time from complete data files to the commit that publishes them.
pub const ICEBERG_COMMIT_SECONDS: &str = "pageberg_iceberg_commit_seconds";
/// Rows committed.
pub const ICEBERG_ROWS: &str = "pageberg_iceberg_rows_total";
/// Data files committed.
pub const ICEBERG_FILES: &str = "pageberg_iceberg_files_total";
/// Size of the data files committed.
pub const ICEBERG_BYTES: &str = "pageberg_iceberg_bytes_total";
/// Rows of the Iceberg table that wait in temporary files.
pub const ICEBERG_SPILLED_BYTES: &str = "pageberg_iceberg_spilled_bytes";
/// Time that a round of maintenance took.
pub const ICEBERG_MAINTENANCE_SECONDS: &str = "pageberg_iceberg_maintenance_seconds";
/// Rounds of maintenance that failed.
pub const ICEBERG_MAINTENANCE_FAILURES: &str = "pageberg_iceberg_maintenance_failures_total";
/// When a round of maintenance last succeeded, in seconds since 1970.
pub const ICEBERG_MAINTAINED_AT: &str = "pageberg_iceberg_maintained_timestamp_seconds";
/// Data files merged into others.
pub const ICEBERG_COMPACTED_FILES: &str = "pageberg_iceberg_compacted_files_total";
/// Size of the data files merged into others.
pub const ICEBERG_COMPACTED_BYTES: &str = "pageberg_iceberg_compacted_bytes_total";
/// Manifests merged into others.
pub const ICEBERG_MERGED_MANIFESTS: &str = "pageberg_iceberg_merged_manifests_total";
/// Snapshots dropped.
pub const ICEBERG_EXPIRED_SNAPSHOTS: &str = "pageberg_iceberg_expired_snapshots_total";
/// Unreferenced files deleted.
pub const ICEBERG_REMOVED_FILES: &str = "pageberg_iceberg_removed_files_total";
/// Size of the unreferenced files deleted.
pub const ICEBERG_REMOVED_BYTES: &str = "pageberg_iceberg_removed_bytes_total";

/// When the newest rows of the last commit were received, in seconds since 1970; by table.
pub const ICEBERG_COMMITTED_THROUGH: &str = "pageberg_iceberg_committed_through_timestamp_seconds";
/// Rows of the table.
pub const ICEBERG_TABLE_ROWS: &str = "pageberg_iceberg_table_rows";
/// Data files of the table.
pub const ICEBERG_TABLE_FILES: &str = "pageberg_iceberg_table_files";
/// Size of the table's data files.
pub const ICEBERG_TABLE_BYTES: &str = "pageberg_iceberg_table_bytes";
/// Files of the table that tell of deleted rows.
pub const ICEBERG_TABLE_DELETE_FILES: &str = "pageberg_iceberg_table_delete_files";
/// Snapshots of the table.
pub const ICEBERG_TABLE_SNAPSHOTS: &str = "pageberg_iceberg_table_snapshots";
/// Size of the table's metadata file.
pub const ICEBERG_TABLE_METADATA_BYTES: &str = "pageberg_iceberg_table_metadata_bytes";
/// Partitions of the table with rows, as of the last maintenance.
pub const ICEBERG_TABLE_PARTITIONS: &str = "pageberg_iceberg_table_partitions";
/// Data files that are worth merging, as of the last maintenance.
pub const ICEBERG_TABLE_SMALL_FILES: &str = "pageberg_iceberg_table_small_files";
/// Their size.
pub const ICEBERG_TABLE_SMALL_BYTES: &str = "pageberg_iceberg_table_small_file_bytes";
/// Their share in the number of data files, from 0 to 1.
pub const ICEBERG_TABLE_SMALL_FILE_RATIO: &str = "pageberg_iceberg_table_small_file_ratio";

/// Tells the recorder what each metric is.
pub fn describe() {
    describe_histogram!(ICEBERG_COMMIT_SECONDS, "Time from complete data files to their commit, in seconds");
    describe_counter!(ICEBERG_ROWS, "Rows committed to the Iceberg table");
    describe_counter!(ICEBERG_FILES, "Data files committed to the Iceberg table");
    describe_counter!(ICEBERG_BYTES, "Size of the data files committed to the Iceberg table, in bytes");
    describe_gauge!(ICEBERG_SPILLED_BYTES, "Rows of the Iceberg table that wait in temporary files for the commit");
    describe_maintenance();
    describe_tables();
}

fn describe_maintenance() {
    describe_histogram!(ICEBERG_MAINTENANCE_SECONDS, "Time of a round of maintenance of the Iceberg table, in seconds");
    describe_counter!(ICEBERG_MAINTENANCE_FAILURES, "Rounds of maintenance of the Iceberg table that failed");
    describe_gauge!(
        ICEBERG_MAINTAINED_AT,
        "When maintenance of the Iceberg table last succeeded, in seconds since 1970"
    );
    describe_counter!(ICEBERG_COMPACTED_FILES, "Data files of the Iceberg table merged into others");
    describe_counter!(ICEBERG_COMPACTED_BYTES, "Size of the data files merged into others, in bytes");
    describe_counter!(ICEBERG_MERGED_MANIFESTS, "Manifests of the Iceberg table merged into others");
    describe_counter!(ICEBERG_EXPIRED_SNAPSHOTS, "Snapshots of the Iceberg table dropped");
    describe_counter!(ICEBERG_REMOVED_FILES, "Unreferenced files of the Iceberg table deleted");
    describe_counter!(ICEBERG_REMOVED_BYTES, "Size of the unreferenced files deleted, in bytes");
}

fn describe_tables() {
    describe_gauge!(
        ICEBERG_COMMITTED_THROUGH,
        "When the newest rows of the last commit to an Iceberg table were received, in seconds since 1970"
    );
    describe_gauge!(ICEBERG_TABLE_ROWS, "Rows of an Iceberg table");
    describe_gauge!(ICEBERG_TABLE_FILES, "Data files of an Iceberg table");
    describe_gauge!(ICEBERG_TABLE_BYTES, "Size of the data files of an Iceberg table, in bytes");
    describe_gauge!(ICEBERG_TABLE_DELETE_FILES, "Files of an Iceberg table that tell of deleted rows");
    describe_gauge!(ICEBERG_TABLE_SNAPSHOTS, "Snapshots of an Iceberg table");
    describe_gauge!(ICEBERG_TABLE_METADATA_BYTES, "Size of the metadata file of an Iceberg table, in bytes");
    describe_gauge!(ICEBERG_TABLE_PARTITIONS, "Partitions of an Iceberg table with rows, as of the last maintenance");
    describe_gauge!(ICEBERG_TABLE_SMALL_FILES, "Small data files of an Iceberg table, as of the last maintenance");
    describe_gauge!(
        ICEBERG_TABLE_SMALL_BYTES,
        "Size of the small data files of an Iceberg table, as of the last maintenance, in bytes"
    );
    describe_gauge!(
        ICEBERG_TABLE_SMALL_FILE_RATIO,
        "Share of small files in the data files of an Iceberg table, as of the last maintenance"
    );
}
