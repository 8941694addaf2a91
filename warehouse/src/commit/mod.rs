//! Commits of any kind: a change is computed from the table's metadata, taken by the catalog if nobody was first, and
//! computed anew from the fresh metadata if somebody was.
//!
//! Every catalog can take a `change`. What others commit meanwhile is kept, because a change is always computed from what
//! it will stand upon.

mod append;
mod change;
mod draft;
mod manifests;
mod summary;

use std::time::Duration;

use async_trait::async_trait;
use iceberg::spec::FormatVersion;
use iceberg::table::Table;

pub(crate) use append::Append;
pub(crate) use change::Change;
pub(crate) use draft::SnapshotDraft;
pub(crate) use manifests::live_manifests;

use crate::{Error, files};

/// How often a change is computed before others are said to be in the way.
const MAX_ATTEMPTS: u32 = 20;

/// The pause after a conflict; it grows by as much with each.
const PAUSE: Duration = Duration::from_millis(20);

/// Computes a change.
#[async_trait]
pub(crate) trait Plan: Send {
    /// The change to make of the table as it is now; `None` when there is none to be made. Called again after each
    /// conflict. An error ends the commit; nothing has happened then, and no file of the change is left.
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error>;
}

/// A catalog that can take a change.
#[async_trait]
pub(crate) trait Committer: Send + Sync {
    /// The table as it is now, given as it was once known.
    async fn newest(&self, known: &Table) -> Result<Table, Error>;

    /// Makes the change if `base` is still the table's current state in all that the change requires. `None` when it
    /// is not; the change has not happened then and never will.
    ///
    /// # Errors
    /// `Uncertain` when it could not be found out whether the change has happened; after any other it has not.
    async fn swap(&self, base: &Table, change: &Change) -> Result<Option<Table>, Error>;
}

/// Commits what `plan` finds to be changed, and returns the table with the change in it.
///
/// # Errors
/// Whatever the plan fails with. `Format` for a table of another format version. `Contended` when others were first each
/// time. `Uncertain` when the change may have happened; after every other error it has not.
pub(crate) async fn commit(catalog: &dyn Committer, known: &Table, plan: &mut dyn Plan) -> Result<Table, Error> {
    for attempt in 1..=MAX_ATTEMPTS {
        let base = catalog.newest(known).await?;
        check_format(&base)?;
        let Some(change) = plan.change(&base).await? else { return Ok(base) };
        match catalog.swap(&base, &change).await {
            Ok(Some(table)) => return Ok(table),
            Ok(None) => {
                files::delete(change.files, base.file_io()).await;
                tokio::time::sleep(PAUSE * attempt).await;
            }
            Err(error) => {
                if !matches!(error, Error::Uncertain { .. }) {
                    files::delete(change.files, base.file_io()).await;
                }
                return Err(error);
            }
        }
    }
    Err(Error::Contended)
}

/// Other format versions have other manifests.
fn check_format(table: &Table) -> Result<(), Error> {
    match table.metadata().format_version() {
        FormatVersion::V2 => Ok(()),
        found => Err(Error::Format { found: found as u8 }),
    }
}
