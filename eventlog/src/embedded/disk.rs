//! The file operations whose failure decides what the log does next.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::LogError;

/// Writes and syncs segment files. A program uses [`OsDisk`]; tests put a disk that fails in its place.
pub trait Disk: Send + Sync + 'static {
    /// Writes all of `bytes` at the position `at` of the file.
    ///
    /// # Errors
    /// What the operating system says; some of the bytes may have been written.
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Makes what was written durable, as fdatasync does.
    ///
    /// # Errors
    /// What the operating system says; nothing is known then about any write since the last success.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// What the operating system says.
    fn sync_dir(&self, folder: &File) -> io::Result<()> {
        folder.sync_all()
    }

    /// How many more bytes the disk of a folder takes from us.
    ///
    /// # Errors
    /// What the operating system says.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(dir)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        file.write_all_at(bytes, at)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Creates a folder, and those above it that are missing, durably.
pub(super) fn create_dir(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|folder| !folder.is_dir()).collect();
    fs::create_dir_all(dir)?;
    missing.into_iter().try_for_each(|created| match created.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    })
}

/// Makes the creation, renaming and removal of a folder's files durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// A failed write, by whether the topic can go on.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// No room; nothing of it remains in the file.
    Full(String),
    /// Nothing was begun, such as for want of file handles.
    Passing(String),
    /// The state of the file is unknown until it is opened anew.
    Fatal(String),
}

impl Failure {
    pub(super) fn of_write(error: &io::Error, path: &Path) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full(format!("write {}: {error}", path.display())),
            _ => Self::fatal("write", path, error),
        }
    }

    pub(super) fn of_open(error: &io::Error, path: &Path) -> Self {
        match Self::of_write(error, path) {
            Self::Full(reason) => Self::Full(reason),
            _ => Self::Passing(format!("open {}: {error}", path.display())),
        }
    }

    pub(super) fn fatal(operation: &str, path: &Path, error: &io::Error) -> Self {
        Self::Fatal(format!("{operation} {}: {error}; restart once the disk is sound", path.display()))
    }

    pub(super) fn to_error(&self) -> LogError {
        match self.clone() {
            Self::Full(reason) => LogError::Full { reason },
            Self::Passing(reason) | Self::Fatal(reason) => LogError::Unavailable { reason },
        }
    }
}

pub(super) fn io_error(operation: &str, path: &Path, source: io::Error) -> LogError {
    LogError::Io { context: format!("{operation} {}", path.display()), source }
}

pub(super) fn damaged(path: &Path, at: u64, why: &str) -> LogError {
    LogError::Damaged(format!("{} at byte {at}: {why}", path.display()))
}
