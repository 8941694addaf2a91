//! Upkeep of a table that is written for years, beside whatever else writes to it.
//!
//! 1. Small data files of a partition become few, their rows in the order of `sorted` (`compaction`).
//! 2. Small manifests become few, so that a reader's plan takes little time (`manifests`).
//! 3. Snapshots that nobody needs any more are dropped, so that the metadata stays small (`snapshots`).
//! 4. Files that nothing names are deleted once they are old (`unreferenced`), found by `listing` the table's folders.

mod compaction;
mod config;
mod listing;
mod manifests;
mod packed;
mod report;
mod snapshots;
mod sorted;
mod unreferenced;

pub use config::MaintenanceConfig;
pub use report::Maintained;

use listing::LocalFiles;

use crate::rewrite::ManifestIndex;
use crate::{Error, Table};

impl Table {
    /// Does what is due, one thing after the other. Rows, positions and what others commit meanwhile are kept, whatever
    /// instant it is ended at; files that it was writing then may be left, unseen by readers. With `dry_run` nothing is
    /// changed, and the result tells what would be.
    ///
    /// # Errors
    /// `Config` for settings that cannot be used. After `Uncertain` the last change may have been made or not. Any
    /// other when catalog or files fail; what was done before stays.
    pub async fn maintain(&mut self, settings: &MaintenanceConfig, dry_run: bool) -> Result<Maintained, Error> {
        settings.check()?;
        let mut run =
            Run { table: self, settings, dry_run, index: ManifestIndex::default(), done: Maintained::default() };
        run.compact().await?;
        run.merge_manifests().await?;
        run.expire_snapshots().await?;
        run.remove_unreferenced(&LocalFiles).await?;
        Ok(run.done)
    }
}

/// One round of maintenance.
struct Run<'t> {
    table: &'t mut Table,
    settings: &'t MaintenanceConfig,
    dry_run: bool,
    index: ManifestIndex,
    done: Maintained,
}

impl Run<'_> {
    /// The table as it is now.
    async fn refresh(&mut self) -> Result<(), Error> {
        use crate::commit::Committer;
        self.table.table = self.table.catalog.load(self.table.table.identifier()).await?;
        Ok(())
    }
}
