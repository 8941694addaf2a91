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
/// Partitions with a data file being written.
pub const ICEBERG_OPEN_FILES: &str = "pageberg_iceberg_open_files";
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

/// Tells the recorder what each metric is.
pub fn describe() {
    describe_histogram!(ICEBERG_COMMIT_SECONDS, "Time from complete data files to their commit, in seconds");
    describe_counter!(ICEBERG_ROWS, "Rows committed to the Iceberg table");
    describe_counter!(ICEBERG_FILES, "Data files committed to the Iceberg table");
    describe_counter!(ICEBERG_BYTES, "Size of the data files committed to the Iceberg table, in bytes");
    describe_gauge!(ICEBERG_OPEN_FILES, "Partitions of the Iceberg table with a data file being written");
    describe_maintenance();
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
