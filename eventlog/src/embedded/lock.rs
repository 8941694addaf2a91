//! Keeps a second process out of a log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::disk::io_error;
use crate::LogError;

/// Locks a log's folder until [`unlock`] or the end of the process.
pub(super) fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join("lock");
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = opened.map_err(|e| io_error("open", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LogError::Locked(dir.display().to_string())),
        Err(TryLockError::Error(error)) => Err(io_error("lock", &path, error)),
    }
}

/// Closing the file alone would leave the lock to a child process that is just being started and shares the file.
pub(super) fn unlock(lock: &File) -> io::Result<()> {
    lock.unlock()
}
