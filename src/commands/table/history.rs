//! `table history`: which snapshot was the current one when.

use std::collections::HashMap;

use warehouse::inspect::{HistoryEntry, MetadataLogEntry, SnapshotStatus};

use super::aligned::aligned;
use super::{Shown, or_dash, second};
use crate::config::Config;

/// Options of `table history`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pageberg table history --limit 10
  # the metadata files that the table still names
  pageberg table history --metadata

A snapshot that is no ancestor of the current one was rolled back. The snapshots of `table history` may be asked in SQL, \
as in DuckDB's `FROM lake.web.page_views AT (VERSION => …)`, as long as `table snapshots` lists them.")]
pub struct Args {
    #[command(flatten)]
    shown: Shown,
    /// List metadata files instead of snapshots
    #[arg(long)]
    metadata: bool,
    /// How many. Default: all
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Args {
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let table = self.shown.open(config).await?;
        let limit = self.limit.unwrap_or(usize::MAX);
        if self.metadata {
            let mut log = table.metadata_log();
            log.truncate(limit);
            return self.shown.print(log.as_slice(), text_of_metadata);
        }
        let mut history = table.history();
        history.truncate(limit);
        let snapshots = table.snapshots()?;
        let snapshots = snapshots.iter().map(|told| (told.snapshot_id, told)).collect();
        self.shown.print(history.as_slice(), |history| text(history, &snapshots))
    }
}

fn text(history: &[HistoryEntry], snapshots: &HashMap<i64, &SnapshotStatus>) -> String {
    let titles = ["made current at", "snapshot", "parent", "ancestor", "operation"];
    let row = |entry: &HistoryEntry| {
        [
            or_dash(entry.made_current_at.map(second)),
            entry.snapshot_id.to_string(),
            or_dash(entry.parent_id.map(|id| id.to_string())),
            if entry.is_current_ancestor { "yes" } else { "no" }.to_owned(),
            or_dash(snapshots.get(&entry.snapshot_id).map(|told| told.operation.clone())),
        ]
    };
    aligned(titles, &history.iter().map(row).collect::<Vec<_>>())
}

fn text_of_metadata(log: &[MetadataLogEntry]) -> String {
    let titles = ["written at", "snapshot", "file"];
    let row = |entry: &MetadataLogEntry| {
        let snapshot = or_dash(entry.latest_snapshot_id.map(|id| id.to_string()));
        [or_dash(entry.timestamp.map(second)), snapshot, entry.file.clone()]
    };
    aligned(titles, &log.iter().map(row).collect::<Vec<_>>())
}
