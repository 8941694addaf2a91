//! Which files there are, named by a snapshot or not.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::TryStreamExt;

use crate::Error;
use crate::local::{on_file, path_of, present};
use crate::location::Location;
use crate::locations::{Locations, Place};
use crate::object;

/// A file of the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its location, which begins as the one that was asked for.
    pub location: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written.
    pub modified: SystemTime,
}

/// A storage whose files can be listed.
#[async_trait]
pub trait Listing: Send + Sync {
    /// All files under a location, at any depth; none when there is no such place.
    ///
    /// # Errors
    /// `Iceberg` when a folder or store cannot be read.
    async fn list(&self, location: &str) -> Result<Vec<Listed>, Error>;

    /// Removes folders without files under a location whose last file is gone for `age`, and returns how many; none where
    /// folders are but a part of names. A file that is written into one meanwhile makes it anew.
    ///
    /// # Errors
    /// `Iceberg` when a folder cannot be read or removed.
    async fn remove_empty_folders(&self, location: &str, age: Duration) -> Result<u64, Error>;
}

#[async_trait]
impl Listing for Locations {
    async fn list(&self, location: &str) -> Result<Vec<Listed>, Error> {
        let listed = async {
            match self.find(location)? {
                Place::Local(_) => list_folder(location).await,
                Place::Store(folder) => list_store(&folder, location).await,
            }
        };
        listed.await.map_err(Error::files("list the table's files"))
    }

    async fn remove_empty_folders(&self, location: &str, age: Duration) -> Result<u64, Error> {
        let removed = async {
            match self.find(location)? {
                Place::Local(_) => {
                    let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
                    on_file("remove folders of", path_of(location)?, move |folder| remove_empty_in(folder, before))
                        .await
                }
                Place::Store(_) => Ok(0),
            }
        };
        removed.await.map_err(Error::files("remove empty folders"))
    }
}

async fn list_folder(location: &str) -> iceberg::Result<Vec<Listed>> {
    let root = Location::parse(location).map_or("file://", |at| at.root).to_owned();
    let walk = move |folder: &Path| {
        let mut found = Vec::new();
        walk(folder, &root, &mut found).map(|()| found)
    };
    on_file("list", path_of(location)?, walk).await
}

async fn list_store(folder: &object::Object, location: &str) -> iceberg::Result<Vec<Listed>> {
    let root = &folder.root;
    let listed = folder.store.list(Some(&folder.path)).map_ok(|object| Listed {
        location: format!("{root}{}", object.location),
        bytes: object.size,
        modified: object.last_modified.into(),
    });
    listed.try_collect().await.map_err(object::failed("list", location))
}

/// What vanishes meanwhile is passed over, and so are links.
fn walk(folder: &Path, root: &str, found: &mut Vec<Listed>) -> io::Result<()> {
    let Some(entries) = present(fs::read_dir(folder))? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let Some(metadata) = present(entry.metadata())? else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), root, found)?;
        } else if let Some(path) = entry.path().to_str().filter(|_| metadata.is_file()) {
            let modified = metadata.modified()?;
            found.push(Listed { location: format!("{root}{path}"), bytes: metadata.len(), modified });
        }
    }
    Ok(())
}

/// Removes the folders in `folder`, those in them first, that hold nothing and have not changed since `before`.
fn remove_empty_in(folder: &Path, before: SystemTime) -> io::Result<u64> {
    let Some(entries) = present(fs::read_dir(folder))? else { return Ok(0) };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let Some(metadata) = present(entry.metadata())? else { continue };
        if metadata.is_dir() {
            let path = entry.path();
            removed += remove_empty_in(&path, before)?;
            if metadata.modified()? <= before && removed_if_empty(&path)? {
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn removed_if_empty(folder: &Path) -> io::Result<bool> {
    match fs::remove_dir(folder) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}
