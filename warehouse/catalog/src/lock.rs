//! Commits of several processes to a catalog in a SQLite file happen one after the other. They would be right without it:
//! but a change that takes long to compute would be overtaken for ever by a sink that commits all the time.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// The pause between two attempts to get the lock.
const PAUSE: Duration = Duration::from_millis(2);

/// A process that was stopped in its commit may hold up others for so long; then they commit all the same.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Held from reading a table's state until the catalog has taken its change.
pub struct CommitLock(#[expect(dead_code, reason = "closing it ends the lock")] File);

impl CommitLock {
    /// `None` when it cannot be had: it only orders what is safe without it.
    pub(super) async fn acquire(path: &Path) -> Option<Self> {
        let began = Instant::now();
        let file = File::options().create(true).append(true).open(path).ok()?;
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Self(file)),
                Err(TryLockError::WouldBlock) if began.elapsed() < MAX_WAIT => tokio::time::sleep(PAUSE).await,
                Err(_) => return None,
            }
        }
    }
}
