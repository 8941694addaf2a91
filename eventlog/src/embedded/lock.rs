//! Keeps a second process out of a log.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::disk::io_error;
use crate::LogError;

/// Locks a log's folder for as long as the file is open.
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
