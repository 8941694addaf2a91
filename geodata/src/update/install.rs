//! Checks a database and puts it into its place.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::error::UpdateError;
use crate::{DatabaseFile, refresh};

const BUFFER_BYTES: usize = 256 << 10;

/// What a run leaves in the folder until it has finished; beside the database, because a rename must not leave its file
/// system.
pub struct Leftovers {
    /// What was downloaded.
    pub download: PathBuf,
    /// The database taken out of it.
    pub database: PathBuf,
}

impl Leftovers {
    /// Those of the database that belongs at `target`: always the same, so that the next run finds those of a crash.
    pub fn of(target: &Path) -> Self {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let beside = |ending: &str| target.with_file_name(format!(".{name}.{ending}"));
        Self { download: beside("download"), database: beside("new") }
    }

    /// Removes what is there of them.
    pub fn remove(&self) -> Result<(), UpdateError> {
        for file in [&self.download, &self.database] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(UpdateError::Disk(error)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A file's MD5 checksum in hexadecimal; `None` when there is no file.
pub fn checksum(file: &Path) -> Result<Option<String>, UpdateError> {
    let mut file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(UpdateError::Disk(error)),
    };
    let (mut md5, mut buffer) = (Md5::new(), vec![0; BUFFER_BYTES]);
    loop {
        match file.read(&mut buffer).map_err(UpdateError::Disk)? {
            0 => return Ok(Some(format!("{:x}", md5.finalize()))),
            bytes => md5.update(&buffer[..bytes]),
        }
    }
}

/// Opens the database in `file` as if it lay at `target`, and holds it against the one that lies there.
///
/// # Errors
/// `Unsound`, `Disk`.
pub fn check(file: &Path, target: &Path, config: &refresh::Config) -> Result<DatabaseFile, UpdateError> {
    let bytes = fs::read(file).map_err(UpdateError::Disk)?;
    let in_place = DatabaseFile::open(target).ok();
    refresh::examine(target, bytes, in_place.as_ref(), Vec::new(), config).map_err(UpdateError::Unsound)
}

/// Renames a file, durably: it is complete under its new name even after a loss of power, or the old one still is.
pub fn put(file: &Path, target: &Path) -> io::Result<()> {
    File::open(file)?.sync_all()?;
    fs::rename(file, target)?;
    match target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}
