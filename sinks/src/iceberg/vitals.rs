//! Tells the metrics how a table stands: cheaply after each commit, and its files after each round of maintenance.

use metrics::gauge;
use warehouse::inspect::{Limits, SmallFiles, partitions};
use warehouse::{Error, Table};

use super::Config;
use crate::metrics::{
    ICEBERG_TABLE_BYTES, ICEBERG_TABLE_DELETE_FILES, ICEBERG_TABLE_FILES, ICEBERG_TABLE_METADATA_BYTES,
    ICEBERG_TABLE_PARTITIONS, ICEBERG_TABLE_ROWS, ICEBERG_TABLE_SMALL_BYTES, ICEBERG_TABLE_SMALL_FILE_RATIO,
    ICEBERG_TABLE_SMALL_FILES, ICEBERG_TABLE_SNAPSHOTS,
};

/// What the table's metadata tells. A failure is no reason to stop: the next commit tells it again.
pub(super) async fn tell(table: &Table) {
    let vitals = match table.vitals().await {
        Ok(vitals) => vitals,
        Err(error) => {
            return tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the Iceberg table could not be measured"
            );
        }
    };
    let set = |name: &'static str, value: u64| gauge!(name, "table" => table.name().to_owned()).set(value as f64);
    set(ICEBERG_TABLE_ROWS, vitals.rows);
    set(ICEBERG_TABLE_FILES, vitals.files);
    set(ICEBERG_TABLE_BYTES, vitals.bytes);
    set(ICEBERG_TABLE_DELETE_FILES, vitals.delete_files);
    set(ICEBERG_TABLE_SNAPSHOTS, vitals.snapshots);
    set(ICEBERG_TABLE_METADATA_BYTES, vitals.metadata_bytes);
}

/// What the table's manifests tell.
///
/// # Errors
/// As [`Table::files`].
pub(super) async fn tell_files(table: &Table, config: &Config) -> Result<(), Error> {
    let limits = Limits::of(&config.files, &config.maintenance);
    let partitions = partitions(&table.files(|_, _| ()).await?, limits);
    let small = SmallFiles::among(&partitions, limits);
    let set = |name: &'static str, value: f64| gauge!(name, "table" => table.name().to_owned()).set(value);
    set(ICEBERG_TABLE_PARTITIONS, partitions.len() as f64);
    set(ICEBERG_TABLE_SMALL_FILES, small.files as f64);
    set(ICEBERG_TABLE_SMALL_BYTES, small.bytes as f64);
    set(ICEBERG_TABLE_SMALL_FILE_RATIO, small.file_share);
    tell(table).await;
    Ok(())
}
