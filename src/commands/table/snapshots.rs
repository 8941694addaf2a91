//! `table snapshots`: what each commit did.

use indicatif::HumanCount;
use warehouse::inspect::SnapshotStatus;

use super::aligned::aligned;
use super::{Shown, or_dash, second};
use crate::config::Config;

/// Options of `table snapshots`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pageberg table snapshots --limit 10
  # the log position at which a snapshot stands
  pageberg table snapshots --json | jq '.[0].positions'")]
pub struct Args {
    #[command(flatten)]
    shown: Shown,
    /// How many. Default: all
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Args {
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let mut snapshots = self.shown.open(config).await?.snapshots()?;
        snapshots.truncate(self.limit.unwrap_or(usize::MAX));
        self.shown.print(snapshots.as_slice(), text)
    }
}

fn text(snapshots: &[SnapshotStatus]) -> String {
    let titles = ["committed at", "snapshot", "operation", "by", ">files", ">rows", ">total rows", "refs"];
    let row = |told: &SnapshotStatus| {
        [
            or_dash(told.committed_at.map(second)),
            told.snapshot_id.to_string(),
            told.operation.clone(),
            or_dash(told.written_by.clone()),
            change(told.added_files, told.deleted_files),
            change(told.added_rows, told.deleted_rows),
            or_dash(told.total_rows.map(|rows| HumanCount(rows).to_string())),
            told.refs.iter().map(|named| named.name.as_str()).collect::<Vec<_>>().join(", "),
        ]
    };
    aligned(titles, &snapshots.iter().map(row).collect::<Vec<_>>())
}

/// `+2 -5`, without what is not.
fn change(added: Option<u64>, deleted: Option<u64>) -> String {
    let part = |sign: char, count: Option<u64>| {
        count.filter(|count| *count > 0).map(|count| format!("{sign}{}", HumanCount(count)))
    };
    let parts: Vec<_> = [part('+', added), part('-', deleted)].into_iter().flatten().collect();
    if parts.is_empty() { "0".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tells_what_came_and_what_went() {
        assert_eq!(change(Some(2), Some(1_500)), "+2 -1,500");
        assert_eq!(change(Some(2), None), "+2");
        assert_eq!(change(None, Some(0)), "0");
    }
}
