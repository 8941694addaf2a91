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

/// Tells the recorder what each metric is.
pub fn describe() {
    describe_histogram!(ICEBERG_COMMIT_SECONDS, "Time from complete data files to their commit, in seconds");
    describe_counter!(ICEBERG_ROWS, "Rows committed to the Iceberg table");
    describe_counter!(ICEBERG_FILES, "Data files committed to the Iceberg table");
    describe_counter!(ICEBERG_BYTES, "Size of the data files committed to the Iceberg table, in bytes");
    describe_gauge!(ICEBERG_OPEN_FILES, "Partitions of the Iceberg table with a data file being written");
}
