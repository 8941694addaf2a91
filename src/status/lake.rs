//! How the Iceberg tables stand, as `/metrics` tells it, so that both always agree. Pure.

use std::collections::BTreeMap;

use event::Timestamp;
use serde::Serialize;
use sinks::metrics::{
    ICEBERG_COMMITTED_THROUGH, ICEBERG_MAINTAINED_AT, ICEBERG_MAINTENANCE_FAILURES, ICEBERG_TABLE_BYTES,
    ICEBERG_TABLE_DELETE_FILES, ICEBERG_TABLE_FILES, ICEBERG_TABLE_METADATA_BYTES, ICEBERG_TABLE_PARTITIONS,
    ICEBERG_TABLE_ROWS, ICEBERG_TABLE_SMALL_FILE_RATIO, ICEBERG_TABLE_SNAPSHOTS,
};

/// The tables and their upkeep.
#[derive(Debug, Serialize)]
pub struct LakeReport {
    /// By name.
    tables: BTreeMap<String, TableReport>,
    /// When this process last maintained them.
    maintained_at: Option<String>,
    /// Rounds of maintenance of this process that failed.
    maintenance_failures: u64,
}

/// A table after the last commit.
#[derive(Debug, Serialize)]
struct TableReport {
    /// The time up to which everything that the log took is in the table: now when nothing waits, else when the newest
    /// rows of this process's last commit were received.
    committed_through: Option<String>,
    /// Records of the log that the table does not reach yet; absent as long as that is unknown.
    waiting_records: Option<i64>,
    rows: u64,
    files: u64,
    bytes: u64,
    delete_files: u64,
    snapshots: u64,
    metadata_bytes: u64,
    /// As of the last maintenance, as the next.
    partitions: Option<u64>,
    /// Share of small files in all, from 0 to 1.
    small_file_ratio: Option<f64>,
}

impl LakeReport {
    /// What the text of `/metrics` tells; `None` when it tells of no table.
    pub fn of(metrics: &str) -> Option<Self> {
        let rows = by_table(metrics, ICEBERG_TABLE_ROWS);
        let tables: BTreeMap<_, _> = rows.keys().map(|name| (name.clone(), TableReport::of(metrics, name))).collect();
        (!tables.is_empty()).then(|| Self {
            tables,
            maintained_at: alone(metrics, ICEBERG_MAINTAINED_AT).and_then(time),
            maintenance_failures: alone(metrics, ICEBERG_MAINTENANCE_FAILURES).unwrap_or_default() as u64,
        })
    }

    /// Takes in how far the sink of a table was behind the end of the log at a time.
    pub fn compare(&mut self, table: &str, lag: Option<i64>, at: Timestamp) {
        let Some(table) = self.tables.get_mut(table) else { return };
        table.waiting_records = lag;
        if lag == Some(0) {
            table.committed_through = Some(at.to_string());
        }
    }
}

impl TableReport {
    fn of(metrics: &str, name: &str) -> Self {
        let value = |metric: &str| by_table(metrics, metric).get(name).copied();
        let count = |metric: &str| value(metric).unwrap_or_default() as u64;
        Self {
            committed_through: value(ICEBERG_COMMITTED_THROUGH).and_then(time),
            waiting_records: None,
            rows: count(ICEBERG_TABLE_ROWS),
            files: count(ICEBERG_TABLE_FILES),
            bytes: count(ICEBERG_TABLE_BYTES),
            delete_files: count(ICEBERG_TABLE_DELETE_FILES),
            snapshots: count(ICEBERG_TABLE_SNAPSHOTS),
            metadata_bytes: count(ICEBERG_TABLE_METADATA_BYTES),
            partitions: value(ICEBERG_TABLE_PARTITIONS).map(|count| count as u64),
            small_file_ratio: value(ICEBERG_TABLE_SMALL_FILE_RATIO),
        }
    }
}

/// A metric by its only label, the table.
fn by_table(metrics: &str, metric: &str) -> BTreeMap<String, f64> {
    let value = |line: &str| {
        let (table, value) = line.strip_prefix(metric)?.strip_prefix("{table=\"")?.split_once("\"} ")?;
        Some((table.to_owned(), value.trim().parse().ok()?))
    };
    metrics.lines().filter_map(value).collect()
}

/// A metric without labels.
fn alone(metrics: &str, metric: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.trim().parse().ok())
}

fn time(seconds: f64) -> Option<String> {
    Timestamp::from_micros((seconds * 1e6) as i64).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_is_told_as_the_metrics_tell_it() {
        let text = "# HELP pageberg_iceberg_table_rows Rows\n\
            pageberg_iceberg_table_rows{table=\"page_views\"} 12\n\
            pageberg_iceberg_table_rows{table=\"dead_letters\"} 1\n\
            pageberg_iceberg_table_files{table=\"page_views\"} 3\n\
            pageberg_iceberg_table_small_file_ratio{table=\"page_views\"} 0.5\n\
            pageberg_iceberg_committed_through_timestamp_seconds{table=\"page_views\"} 90.5\n\
            pageberg_iceberg_maintained_timestamp_seconds 60\n";
        let mut told = LakeReport::of(text).unwrap();
        let now = Timestamp::from_micros(100_000_000).unwrap();
        told.compare("page_views", Some(5), now);
        told.compare("dead_letters", Some(0), now);
        told.compare("none", Some(0), now);
        let views = &told.tables["page_views"];
        assert_eq!((views.rows, views.files, views.small_file_ratio), (12, 3, Some(0.5)));
        assert_eq!(views.committed_through.as_deref(), Some("1970-01-01T00:01:30.500Z"));
        assert_eq!(views.waiting_records, Some(5));
        assert_eq!(told.tables["dead_letters"].committed_through.as_deref(), Some("1970-01-01T00:01:40.000Z"));
        assert_eq!((told.tables["dead_letters"].rows, told.tables["dead_letters"].partitions), (1, None));
        assert_eq!(told.maintained_at.as_deref(), Some("1970-01-01T00:01:00.000Z"));
        assert!(LakeReport::of("pageberg_sink_lag{sink=\"kafka\"} 0\n").is_none());
    }
}
