//! `table status`: the table in one view.

use event::Timestamp;
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use warehouse::CatalogKind;
use warehouse::inspect::{Limits, SmallFiles, SnapshotStatus, TableStatus};

use super::{Shown, files, or_dash, second};
use crate::config::Config;
use crate::table::{self, Freshness};

/// Options of `table status`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pageberg table status
  # alert when a tenth of the bytes lie in small files
  pageberg table status --json | jq -e '.small_files.byte_share < 0.1'

Small files are those that maintenance would merge (iceberg.maintenance.small_file_percent of \
iceberg.files.target_file_bytes). It works while the server runs, and without it.")]
pub struct Args {
    #[command(flatten)]
    shown: Shown,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    table: TableStatus,
    freshness: Freshness,
    #[serde(skip)]
    now: Timestamp,
}

impl Args {
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let opened = self.shown.open(config).await?;
        let files = files::read(&opened).await?;
        let limits = Limits::of(&config.iceberg.files, &config.iceberg.maintenance);
        let table = opened.status(&files, limits).await?;
        let freshness = table::freshness(config, &table.positions).await.unwrap_or_else(|error| {
            eprintln!("it is unknown how much of the log the table lacks: {error:#}");
            Freshness::default()
        });
        self.shown.print(&Report { table, freshness, now: Timestamp::now() }, Report::text)
    }
}

impl Report {
    fn text(&self) -> String {
        let table = &self.table;
        let lines = [
            ("table", table.name.clone()),
            ("location", table.location.clone()),
            ("catalog", catalog(table.catalog).to_owned()),
            ("format version", table.format_version.to_string()),
            ("partitioned by", listed(&table.partition_spec)),
            ("sorted by", listed(&table.sort_order)),
            ("rows", HumanCount(table.rows).to_string()),
            ("data files", data_files(table)),
            ("small files", small_files(table.small_files)),
            ("delete files", HumanCount(table.delete_files).to_string()),
            ("partitions", partitions(table)),
            ("manifests", HumanCount(table.manifests as u64).to_string()),
            ("snapshots", self.snapshots()),
            ("metadata file", HumanBytes(table.metadata_bytes).to_string()),
            ("last commit", or_dash(table.last_commit.as_ref().map(|commit| self.commit(commit)))),
            ("last append", self.moment(table.last_append_at)),
            ("last rewrite", self.moment(table.last_rewrite_at)),
            ("newest event", self.moment(table.last_event_at)),
            ("newest receipt", self.moment(table.newest_received_at)),
            ("committed through", self.committed_through()),
            ("log positions", positions(table)),
        ];
        lines.iter().map(|(name, value)| format!("{name:<18} {value}\n")).collect()
    }

    fn snapshots(&self) -> String {
        let table = &self.table;
        let oldest = table.oldest_snapshot_at.map(|oldest| format!(", the oldest of {}", second(oldest)));
        let recent = HumanCount(table.commits_last_hour as u64);
        format!("{}{}, {recent} in the last hour", HumanCount(table.snapshots as u64), oldest.unwrap_or_default())
    }

    fn commit(&self, commit: &SnapshotStatus) -> String {
        let by = commit.written_by.as_deref().unwrap_or("another writer");
        let count = |count: Option<u64>| count.map_or(0, |count| count);
        let (rows, files) = (HumanCount(count(commit.added_rows)), HumanCount(count(commit.added_files)));
        format!("{}, {} by {by}: {rows} rows in {files} files", self.moment(commit.committed_at), commit.operation)
    }

    fn committed_through(&self) -> String {
        match (&self.freshness.waiting_records, &self.freshness.committed_through) {
            (Some(0), Some(_)) => "now: it holds everything that the log has".to_owned(),
            (Some(waiting), Some(through)) => {
                let through = Timestamp::parse(through).ok();
                format!("{}, {} records of the log wait", self.moment(through), HumanCount(waiting.unsigned_abs()))
            }
            _ => "unknown".to_owned(),
        }
    }

    /// A time and how long ago it was.
    fn moment(&self, time: Option<Timestamp>) -> String {
        let told = |time: Timestamp| {
            let seconds = (self.now.micros() - time.micros()).max(0) / 1_000_000;
            format!("{} ({} ago)", second(time), ago(seconds))
        };
        or_dash(time.map(told))
    }
}

/// The largest unit of which there are at least two.
fn ago(seconds: i64) -> String {
    let units = [(86_400, "days"), (3_600, "h"), (60, "min")];
    let unit = units.iter().find(|(length, _)| seconds >= 2 * length);
    unit.map_or_else(|| format!("{seconds} s"), |(length, name)| format!("{} {name}", seconds / length))
}

fn catalog(kind: CatalogKind) -> &'static str {
    match kind {
        CatalogKind::Sqlite => "sqlite",
        CatalogKind::Postgres => "postgres",
        CatalogKind::Rest => "rest",
    }
}

fn listed(parts: &[String]) -> String {
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

fn data_files(table: &TableStatus) -> String {
    let (bytes, average) = (HumanBytes(table.bytes), HumanBytes(table.average_file_bytes));
    format!("{}, {bytes}, {average} on average", HumanCount(table.files))
}

fn small_files(small: SmallFiles) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let (files, bytes, limit) = (HumanCount(small.files), HumanBytes(small.bytes), HumanBytes(small.below_bytes));
    let (of_files, of_bytes) = (percent(small.file_share), percent(small.byte_share));
    format!("{files} below {limit}, {of_files} of the files; {bytes}, {of_bytes} of the bytes")
}

fn partitions(table: &TableStatus) -> String {
    let (all, crowded) = (HumanCount(table.partitions as u64), HumanCount(table.partitions_to_compact as u64));
    format!("{all}, of which {crowded} have several small files")
}

fn positions(table: &TableStatus) -> String {
    listed(&table.positions.iter().map(|(place, next)| format!("{place}/{next}")).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_is_told_in_the_largest_unit_that_says_something() {
        for (seconds, told) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (200_000, "2 days")] {
            assert_eq!(ago(seconds), told);
        }
    }
}
