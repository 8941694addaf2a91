//! Maintenance of the Iceberg table, round after round.

use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use warehouse::Maintained;

use crate::config::Config;

/// Maintains the table until told to stop. A round that fails is logged, and the next one tries again.
pub async fn run(config: &Config, stop: CancellationToken) {
    let interval = Duration::from_millis(config.iceberg.maintenance.interval_ms);
    let rounds = async {
        loop {
            tokio::time::sleep(interval).await;
            match round(config, false).await {
                Ok(Some(done)) => log(&done),
                Ok(None) => tracing::debug!("another process maintains the Iceberg table"),
                Err(error) => tracing::warn!(error = format!("{error:#}"), "the Iceberg table was not maintained"),
            }
        }
    };
    // A round may be ended at any instant: the next one finds what it left.
    stop.run_until_cancelled(rounds).await;
}

/// One round, or `None` when another process is at it.
pub async fn round(config: &Config, dry_run: bool) -> anyhow::Result<Option<Maintained>> {
    let data =
        std::path::absolute(&config.data).with_context(|| format!("failed to find {}", config.data.display()))?;
    Ok(sinks::iceberg::maintain(&data, &config.iceberg, dry_run).await?)
}

fn log(done: &Maintained) {
    if !done.has_changed_something() {
        tracing::debug!("the Iceberg table needed no maintenance");
        return;
    }
    tracing::info!(
        files_compacted = done.files_compacted,
        files_written = done.files_written,
        manifests_merged = done.manifests_merged,
        snapshots_expired = done.snapshots_expired,
        files_removed = done.files_removed,
        bytes_removed = done.bytes_removed,
        files_left_small = done.files_left_small,
        compaction_ms = done.compaction_ms,
        manifests_ms = done.manifests_ms,
        snapshots_ms = done.snapshots_ms,
        removal_ms = done.removal_ms,
        "the Iceberg table was maintained"
    );
}
