//! One round of maintenance of the Iceberg tables, unless another process is at it.
//!
//! A clock that is ahead for a moment must not make everything old: ages are counted up to the time that it showed in the
//! last round, and in the first one up to the last change of the table.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Instant, SystemTime};

use event::Timestamp;
use metrics::{counter, gauge, histogram};
use warehouse::{Catalog, Error, Maintained, Table};

use super::{Config, vitals};
use crate::metrics::{
    ICEBERG_COMPACTED_BYTES, ICEBERG_COMPACTED_FILES, ICEBERG_EXPIRED_SNAPSHOTS, ICEBERG_MAINTAINED_AT,
    ICEBERG_MAINTENANCE_FAILURES, ICEBERG_MAINTENANCE_SECONDS, ICEBERG_MERGED_MANIFESTS, ICEBERG_REMOVED_BYTES,
    ICEBERG_REMOVED_FILES,
};

/// Held while a round is under way. Two at once would do no harm, but each other's work.
const LOCK: &str = "maintenance.lock";

/// Does what is due, beside whatever else writes to the table; with `dry_run` it only tells. `None` when another process
/// is at it.
///
/// # Errors
/// As [`Table::open`] and [`Table::maintain`]; `Config` when the data folder cannot be locked.
pub async fn maintain(data_folder: &Path, config: &Config, dry_run: bool) -> Result<Option<Maintained>, Error> {
    let Some(mut lock) = lock(data_folder)? else { return Ok(None) };
    let began = Instant::now();
    let done = round(data_folder, config, dry_run, lock.last_round()).await;
    lock.remember(Timestamp::now());
    histogram!(ICEBERG_MAINTENANCE_SECONDS).record(began.elapsed());
    match done {
        Ok(done) => {
            if !dry_run {
                count(&done);
            }
            Ok(Some(done))
        }
        Err(error) => {
            counter!(ICEBERG_MAINTENANCE_FAILURES).increment(1);
            Err(error)
        }
    }
}

/// Ages are counted up to `known`.
async fn round(
    data_folder: &Path,
    config: &Config,
    dry_run: bool,
    known: Option<Timestamp>,
) -> Result<Maintained, Error> {
    if Catalog::is_gone(data_folder, &config.warehouse().of_catalog()) {
        // There is no table, and it is not for maintenance to make one.
        return Ok(Maintained::default());
    }
    let mut table = Table::open(data_folder, &config.warehouse()).await?;
    let known = known.unwrap_or_else(|| table.changed_at());
    let mut done = table.maintain_as_of(&config.maintenance, dry_run, known).await?;
    vitals::tell_files(&table, config).await?;
    if config.dead_letters.enabled {
        let mut table = Table::open_dead_letters(data_folder, &config.dead_letters_warehouse()).await?;
        done += table.maintain_as_of(&config.maintenance, dry_run, known).await?;
        vitals::tell_files(&table, config).await?;
    }
    Ok(done)
}

/// The lock, in whose file stands what the clock showed in the last round.
struct Lock(File);

impl Lock {
    /// `None` in the first round.
    fn last_round(&mut self) -> Option<Timestamp> {
        let mut text = String::new();
        self.0.read_to_string(&mut text).ok()?;
        Timestamp::parse(text.trim()).ok()
    }

    /// Failing that, the next round judges by the one before.
    fn remember(&mut self, now: Timestamp) {
        let written = self.0.set_len(0).and_then(|()| writeln!(self.0, "{now}"));
        if let Err(error) = written {
            tracing::debug!(%error, "the time of a round of maintenance could not be written down");
        }
    }
}

fn lock(data_folder: &Path) -> Result<Option<Lock>, Error> {
    let path = data_folder.join(LOCK);
    let refuse = |error: std::io::Error| Error::Config(format!("{} cannot be locked: {error}", path.display()));
    let file = File::options().create(true).read(true).append(true).open(&path).map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(refuse(error)),
    }
}

fn count(done: &Maintained) {
    counter!(ICEBERG_COMPACTED_FILES).increment(done.files_compacted);
    counter!(ICEBERG_COMPACTED_BYTES).increment(done.bytes_compacted);
    counter!(ICEBERG_MERGED_MANIFESTS).increment(done.manifests_merged);
    counter!(ICEBERG_EXPIRED_SNAPSHOTS).increment(done.snapshots_expired);
    counter!(ICEBERG_REMOVED_FILES).increment(done.files_removed);
    counter!(ICEBERG_REMOVED_BYTES).increment(done.bytes_removed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    gauge!(ICEBERG_MAINTAINED_AT).set(now.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn while_one_process_is_at_it_another_leaves_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap().unwrap();
        let config = Config::default();
        assert_eq!(maintain(folder.path(), &config, false).await.unwrap(), None);
        drop(held);
        assert!(maintain(folder.path(), &config, false).await.unwrap().is_some());
    }
}
