//! One round of maintenance of the Iceberg tables, unless another process is at it.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Instant, SystemTime};

use metrics::{counter, gauge, histogram};
use warehouse::{Error, Maintained, Table};

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
    let Some(_lock) = lock(data_folder)? else { return Ok(None) };
    let began = Instant::now();
    let done = round(data_folder, config, dry_run).await;
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

async fn round(data_folder: &Path, config: &Config, dry_run: bool) -> Result<Maintained, Error> {
    let mut table = Table::open(data_folder, &config.warehouse()).await?;
    let mut done = table.maintain(&config.maintenance, dry_run).await?;
    vitals::tell_files(&table, config).await?;
    if config.dead_letters.enabled {
        let mut table = Table::open_dead_letters(data_folder, &config.dead_letters_warehouse()).await?;
        done += table.maintain(&config.maintenance, dry_run).await?;
        vitals::tell_files(&table, config).await?;
    }
    Ok(done)
}

fn lock(data_folder: &Path) -> Result<Option<File>, Error> {
    let path = data_folder.join(LOCK);
    let refuse = |error: std::io::Error| Error::Config(format!("{} cannot be locked: {error}", path.display()));
    let file = File::options().create(true).append(true).open(&path).map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
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
