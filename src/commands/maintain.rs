//! `maintain`: upkeep of the Iceberg table, once or as a service of its own.

use std::io::{self, Write};

use anyhow::{bail, ensure};
use indicatif::{HumanBytes, HumanCount};
use tokio_util::sync::CancellationToken;
use warehouse::{CatalogKind, Maintained};

use crate::config::Config;
use crate::maintenance;
use crate::serve::stop_signals;

/// Options of `maintain`.
#[derive(clap::Args)]
#[command(after_help = "\
`serve` and `pipeline` do the same in the background, unless iceberg.maintenance.enabled is false.

Examples:
  # what would be done now
  pageberg maintain --dry-run
  # as a service of its own
  pageberg maintain --every 600")]
pub struct Args {
    /// Do it again and again, with a pause of so many seconds, until SIGINT or SIGTERM
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["dry_run", "json"])]
    every: Option<u64>,
    /// Change nothing, tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print what was done as a JSON object
    #[arg(long)]
    json: bool,
}

impl Args {
    pub async fn run(self, mut config: Config) -> anyhow::Result<()> {
        config.iceberg.check(&config.data)?;
        match self.every {
            Some(seconds) => {
                config.iceberg.maintenance.interval_ms = seconds.saturating_mul(1000);
                serve(&config).await
            }
            None => self.once(&config).await,
        }
    }

    async fn once(&self, config: &Config) -> anyhow::Result<()> {
        let catalog = config.data.join("catalog.sqlite");
        let is_local = config.iceberg.catalog.kind == CatalogKind::Sqlite;
        ensure!(
            !is_local || catalog.exists(),
            "there is no Iceberg table: {} does not exist (--data DIR)",
            catalog.display()
        );
        let Some(done) = maintenance::round(config, self.dry_run).await? else {
            bail!("another process maintains the table at this moment");
        };
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&done)?)?;
        } else {
            write!(out, "{}", report(&done, self.dry_run))?;
        }
        Ok(())
    }
}

/// Rounds until a signal comes.
async fn serve(config: &Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let signals = stop_signals()?;
    let signalled = async {
        signals.await;
        stop.cancel();
    };
    tokio::join!(signalled, maintenance::run(config, stop.clone()));
    Ok(())
}

/// One line for each kind of work.
fn report(done: &Maintained, dry_run: bool) -> String {
    let to = if dry_run { "to merge" } else { "merged" };
    let into = match dry_run {
        true => String::new(),
        false => format!(" into {}, {}", HumanCount(done.files_written), HumanBytes(done.bytes_written)),
    };
    let [files, rows, manifests, snapshots, removed] =
        [done.files_compacted, done.rows_compacted, done.manifests_merged, done.snapshots_expired, done.files_removed]
            .map(HumanCount);
    let (expired, deleted) = if dry_run { ("to drop", "to delete") } else { ("dropped", "deleted") };
    let (compacted_bytes, removed_bytes) = (HumanBytes(done.bytes_compacted), HumanBytes(done.bytes_removed));
    let skipped = match done.groups_skipped {
        0 => String::new(),
        groups => format!("left for the next time, as another writer changed them: {groups} groups of files\n"),
    };
    format!(
        "data files {to}: {files}, {compacted_bytes}, {rows} rows{into}\n{skipped}\
         manifests {to}: {manifests}\n\
         snapshots {expired}: {snapshots}\n\
         unreferenced files {deleted}: {removed}, {removed_bytes}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_tells_what_was_done_and_a_dry_run_what_would_be() {
        let done = Maintained {
            files_compacted: 1_200,
            bytes_compacted: 2_048,
            rows_compacted: 7,
            files_written: 2,
            bytes_written: 1_024,
            snapshots_expired: 3,
            ..Maintained::default()
        };
        let told = "data files merged: 1,200, 2.00 KiB, 7 rows into 2, 1.00 KiB\nmanifests merged: 0\n\
                    snapshots dropped: 3\nunreferenced files deleted: 0, 0 B\n";
        assert_eq!(report(&done, false), told);
        let told = "data files to merge: 1,200, 2.00 KiB, 7 rows\nmanifests to merge: 0\n\
                    snapshots to drop: 3\nunreferenced files to delete: 0, 0 B\n";
        assert_eq!(report(&done, true), told);
    }
}
