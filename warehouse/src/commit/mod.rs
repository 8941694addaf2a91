//! Commits of any kind: a change is computed from the table's metadata, taken by the catalog if nobody was first, and
//! computed anew from the fresh metadata if somebody was.
//!
//! Every catalog can take a `change`. What others commit meanwhile is kept, because a change is always computed from what
//! it will stand upon.

mod append;
mod carry;
mod draft;
mod manifests;
mod summary;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use catalog::Catalog;
use event::Timestamp;
use iceberg::TableUpdate;
use iceberg::spec::{FormatVersion, Operation};
use iceberg::table::Table;

pub(crate) use append::Append;
pub(crate) use carry::Carry;
pub(crate) use catalog::Change;
pub(crate) use draft::SnapshotDraft;
pub(crate) use manifests::live_manifests;

use crate::{Error, clock, files};

/// How long a change is tried before others are said to be in the way. A time and not a number of attempts: on a busy machine
/// one attempt takes longer than a writer that commits all the time leaves between two commits, and most of them fail.
const CONTENDED_AFTER: Duration = Duration::from_secs(60);

/// The pause after a conflict grows from the first to the second. Others have just committed then, so it is short.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(100)];

/// Computes a change.
#[async_trait]
pub(crate) trait Plan: Send {
    /// The change to make of the table as it is now; `None` when there is none to be made. Called again after each
    /// conflict. An error ends the commit; nothing has happened then, and no file of the change is left.
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error>;
}

/// Commits what `plan` finds to be changed, and returns the table with the change in it.
///
/// # Errors
/// Whatever the plan fails with. `Format` for a table of another format version. `Contended` when others were first for
/// a minute. `Uncertain` when the change may have happened; after every other error it has not.
pub(crate) async fn commit(catalog: &Catalog, known: &Table, plan: &mut dyn Plan) -> Result<Table, Error> {
    let (began, mut pause) = (Instant::now(), PAUSES[0]);
    loop {
        let lock = catalog.lock().await;
        let base = catalog.newest(known).await?;
        check_format(&base)?;
        let Some(change) = plan.change(&base).await? else { return Ok(base) };
        let change = dated(change, &base).await?;
        match catalog.swap(&base, &change).await {
            Ok(Some(table)) => return Ok(table),
            Ok(None) => {
                drop(lock);
                files::delete(change.files, base.file_io()).await;
                if began.elapsed() > CONTENDED_AFTER {
                    return Err(Error::Contended);
                }
                tokio::time::sleep(pause).await;
                pause = PAUSES[1].min(pause + PAUSES[0]);
            }
            Err(error) => {
                if !matches!(error, Error::Uncertain { .. }) {
                    files::delete(change.files, base.file_io()).await;
                }
                return Err(error);
            }
        }
    }
}

/// The change with an empty snapshot where it has none and the table's times have not come: a snapshot gives the change its
/// time, and the catalog's clock would give it one that lies before the last.
async fn dated(mut change: Change, base: &Table) -> Result<Change, Error> {
    let has_snapshot = change.updates.iter().any(|update| matches!(update, TableUpdate::AddSnapshot { .. }));
    if has_snapshot || !clock::is_behind(base.metadata(), Timestamp::now().millis()) {
        return Ok(change);
    }
    let mut draft = SnapshotDraft::new(base);
    let dated = draft.finish(live_manifests(base).await?, Operation::Append).await;
    if let Some(snapshot) = draft.settle(dated).await? {
        change.requirements.extend(snapshot.requirements);
        change.updates.extend(snapshot.updates);
        change.files.extend(snapshot.files);
    }
    Ok(change)
}

/// Other format versions have other manifests.
fn check_format(table: &Table) -> Result<(), Error> {
    match table.metadata().format_version() {
        FormatVersion::V2 => Ok(()),
        found => Err(Error::Format { found: found as u8 }),
    }
}
