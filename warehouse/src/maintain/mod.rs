//! Upkeep of a table that is written for years, beside whatever else writes to it.
//!
//! 1. Small data files of a partition become few (`compaction`): which and how many is for `tiers` to say.
//! 2. Files that tell of deleted rows go when no data file is left that they apply to (`deletes`).
//! 3. Small manifests become few, so that a reader's plan takes little time (`manifests`).
//! 4. Snapshots that nobody needs any more are dropped, so that the metadata stays small (`snapshots`).
//! 5. Files that nothing names are deleted once they are old (`unreferenced`), found by listing the table's folders.

mod compaction;
mod config;
mod deletes;
mod manifests;
mod packed;
mod report;
mod snapshots;
mod tiers;
mod unreferenced;

pub use config::MaintenanceConfig;
pub use report::Maintained;
pub(crate) use snapshots::references;
pub use tiers::target_files;

use std::time::Instant;

use event::Timestamp;
use iceberg::spec::TableMetadata;

use crate::rewrite::ManifestIndex;
use crate::{Error, Table};

/// Iceberg's table property: whether files may be deleted that the table no longer names.
const GC_ENABLED: &str = "gc.enabled";

impl Table {
    /// When the table was changed last, as its metadata has it.
    pub fn changed_at(&self) -> Timestamp {
        let millis = self.table.metadata().last_updated_ms();
        Timestamp::from_micros(millis.saturating_mul(1000)).unwrap_or_default()
    }

    /// Does what is due, one thing after the other. Rows, positions and what others commit meanwhile are kept, whatever
    /// instant it is ended at; files that it was writing then may be left, unseen by readers. With `dry_run` nothing is
    /// changed, and the result tells what would be.
    ///
    /// # Errors
    /// `Config` for settings that cannot be used. After `Uncertain` the last change may have been made or not. Any
    /// other when catalog or files fail; what was done before stays.
    pub async fn maintain(&mut self, settings: &MaintenanceConfig, dry_run: bool) -> Result<Maintained, Error> {
        self.maintain_as_of(settings, dry_run, Timestamp::now()).await
    }

    /// The same; ages are counted up to `known`, a time that has surely come, when the clock shows a later one.
    ///
    /// # Errors
    /// As [`Table::maintain`].
    pub async fn maintain_as_of(
        &mut self,
        settings: &MaintenanceConfig,
        dry_run: bool,
        known: Timestamp,
    ) -> Result<Maintained, Error> {
        settings.check()?;
        let mut run = Run {
            now_ms: Timestamp::now().millis().min(known.millis()),
            newest: self.table.clone(),
            table: self,
            settings,
            dry_run,
            index: ManifestIndex::default(),
            done: Maintained::default(),
        };
        let mut began = Instant::now();
        tracing::debug!("merging data files");
        run.compact().await?;
        let dropped = run.drop_deletes().await;
        run.unless_contended(dropped)?;
        run.done.compaction_ms = lap(&mut began);
        tracing::debug!("merging manifests");
        let merged = run.merge_manifests().await;
        run.unless_contended(merged)?;
        run.done.manifests_ms = lap(&mut began);
        if !(settings.honour_gc_enabled && is_for_others_to_clean(run.table.table.metadata())) {
            tracing::debug!("dropping snapshots");
            let expired = run.expire_snapshots().await;
            run.unless_contended(expired)?;
            run.done.snapshots_ms = lap(&mut began);
            tracing::debug!("deleting files that nothing names");
            let listing = storage::listing(&run.table.config.storage, run.table.table.file_io());
            run.remove_unreferenced(&*listing).await?;
            run.done.removal_ms = lap(&mut began);
        }
        Ok(run.done)
    }
}

/// Whether the table says that its snapshots and files are not to be removed: a catalog with a history of its own, as
/// Nessie, may name what the table's metadata does not.
pub(crate) fn is_for_others_to_clean(metadata: &TableMetadata) -> bool {
    metadata.properties().get(GC_ENABLED).is_some_and(|enabled| enabled.eq_ignore_ascii_case("false"))
}

/// Milliseconds since then; they begin anew.
fn lap(began: &mut Instant) -> u64 {
    let took = began.elapsed();
    *began += took;
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// One round of maintenance.
struct Run<'t> {
    /// As it was when what is being done now began.
    table: &'t mut Table,
    /// As it was last seen or committed.
    newest: iceberg::table::Table,
    settings: &'t MaintenanceConfig,
    dry_run: bool,
    /// Milliseconds since 1970, by which ages are judged. No later than it is.
    now_ms: i64,
    index: ManifestIndex,
    done: Maintained,
}

impl Run<'_> {
    /// A change at which others were first each time is left for the next round.
    fn unless_contended(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        match result {
            Err(Error::Contended) => {
                self.done.groups_skipped += 1;
                Ok(())
            }
            result => result,
        }
    }

    /// The table as it is now.
    async fn refresh(&mut self) -> Result<(), Error> {
        self.newest = self.table.catalog.newest(&self.newest).await?;
        self.table.table = self.newest.clone();
        Ok(())
    }
}
