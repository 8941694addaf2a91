//! Whose the table is: the catalog in a data folder's SQLite file names files by absolute paths, so that a copy of the folder
//! would write to the files of the original, and delete them.
//!
//! 1. A folder knows itself: `identity.json` holds an id, the folder's path, and its device and inode.
//! 2. Where the table's files lie inside of another data folder, or lay in one that is gone, the table is not this
//!    folder's, with or without an identity.
//! 3. Where they lie elsewhere, as in a cloud's store, a folder at another path and with another inode may be a copy.
//!
//! A folder that is seen under another path, by a link or a mount, has the same inode. Other catalogs are no part of a data
//! folder, and can be used from any.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use iceberg::TableIdent;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::{Config, Error};
use catalog::{Catalog, CatalogKind};

const IDENTITY: &str = "identity.json";
const CATALOG: &str = "catalog.sqlite";
const WAREHOUSE: &str = "warehouse";

/// What a data folder knows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    id: Uuid,
    path: PathBuf,
    device: u64,
    inode: u64,
}

/// Whether the folder may write the table that its catalog names, if it has one. Changes nothing.
///
/// # Errors
/// `DataFolder` with a sentence that says what to do; others when the catalog cannot be read.
pub async fn check_data_folder(data_folder: &Path, config: &Config) -> Result<(), Error> {
    if config.catalog.kind != CatalogKind::Sqlite {
        return Ok(());
    }
    config.check(data_folder)?;
    let name = TableIdent::from_strs([&config.table.namespace, &config.table.name])
        .map_err(Error::iceberg("name the table"))?;
    match Catalog::open_existing(data_folder, &config.of_catalog()).await? {
        Some(catalog) => check(data_folder, &catalog, &name).await,
        None => Ok(()),
    }
}

/// The same, for a catalog that is open; then the folder gets an identity if it has none.
pub(crate) async fn claim(data_folder: &Path, catalog: &Catalog, name: &TableIdent) -> Result<(), Error> {
    if !catalog.is_in_data_folder() {
        return Ok(());
    }
    check(data_folder, catalog, name).await?;
    identify(data_folder).map_err(unreadable(data_folder))
}

async fn check(data_folder: &Path, catalog: &Catalog, name: &TableIdent) -> Result<(), Error> {
    let here = fs::canonicalize(data_folder).map_err(unreadable(data_folder))?;
    if let Some(metadata) = catalog.metadata_location(name).await? {
        check_table(&here, &metadata)?;
    }
    match identity(&here).map_err(unreadable(&here))? {
        Some(identity) => check_identity(&here, &identity),
        None => Ok(()),
    }
}

/// Whether a table whose current metadata file is this one is the folder's.
fn check_table(here: &Path, metadata: &str) -> Result<(), Error> {
    let Some(table) = local(metadata).as_deref().and_then(|file| Some(file.parent()?.parent()?.to_owned())) else {
        return Ok(());
    };
    // As the catalog lays them out: data folder, warehouse, namespace, table.
    let (Some(warehouse), Some(there)) = (table.ancestors().nth(2), table.ancestors().nth(3)) else { return Ok(()) };
    if !warehouse.ends_with(WAREHOUSE) || there == here || is_same(there, here) {
        return Ok(());
    }
    let (here, there) = (here.display(), there.display());
    if is_file(warehouse.with_file_name(CATALOG)) {
        Err(Error::DataFolder(format!(
            "the data folder {here} is a copy of {there}: its Iceberg table is the original's, which it would change. Use \
             {there}, or begin with an empty folder"
        )))
    } else if !table.exists() {
        Err(Error::DataFolder(format!(
            "the data folder {here} was moved from {there}, or copied from another machine: its Iceberg table names its \
             files by that path. Move it back to {there}, or mount it there"
        )))
    } else {
        Ok(())
    }
}

fn check_identity(here: &Path, identity: &Identity) -> Result<(), Error> {
    let present = fs::metadata(here).map_err(unreadable(here))?;
    let is_known = identity.path == here || (identity.device, identity.inode) == (present.dev(), present.ino());
    if is_known || is_same(&identity.path, here) {
        return Ok(());
    }
    let is_copy = self::identity(&identity.path).is_ok_and(|found| found.is_some_and(|found| found.id == identity.id));
    let (here, there) = (here.display(), identity.path.display());
    Err(Error::DataFolder(if is_copy {
        format!(
            "the data folder {here} is a copy of {there}, whose Iceberg table it would change. Use {there}, or begin with \
             an empty folder"
        )
    } else {
        format!(
            "the data folder {here} was moved or copied from {there}, and two that write to one Iceberg table destroy it. \
             Remove {here}/{IDENTITY} if this is the only one that is left"
        )
    }))
}

/// Gives the folder an identity, unless it has one.
fn identify(data_folder: &Path) -> io::Result<()> {
    let path = fs::canonicalize(data_folder)?;
    let file = path.join(IDENTITY);
    if file.exists() {
        return Ok(());
    }
    let present = fs::metadata(&path)?;
    let mut draft = NamedTempFile::new_in(&path)?;
    let identity = Identity { id: Uuid::new_v4(), device: present.dev(), inode: present.ino(), path };
    draft.write_all(&serde_json::to_vec_pretty(&identity)?)?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(&file) {
        // Another process may have been first.
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

fn identity(folder: &Path) -> io::Result<Option<Identity>> {
    match fs::read(folder.join(IDENTITY)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path of a local file that an Iceberg location names.
fn local(location: &str) -> Option<PathBuf> {
    let path = location.strip_prefix("file:").unwrap_or(location);
    path.starts_with('/').then(|| Path::new("/").join(path.trim_start_matches('/')))
}

fn is_file(path: PathBuf) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file())
}

/// Whether both are the same folder, seen by different paths.
fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    place(one).is_some_and(|one| Some(one) == place(other))
}

fn unreadable(folder: &Path) -> impl FnOnce(io::Error) -> Error {
    let file = folder.join(IDENTITY);
    move |error| Error::Config(format!("the data folder's {} cannot be read or made: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_of_local_files_are_paths_however_they_are_spelt() {
        for location in ["file:///data/t", "file:/data/t", "/data/t"] {
            assert_eq!(local(location).unwrap(), Path::new("/data/t"));
        }
        assert_eq!(local("s3://bucket/t"), None);
    }

    #[test]
    fn a_folder_gets_one_identity_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(identity(folder.path()).unwrap(), None);
        identify(folder.path()).unwrap();
        let first = identity(folder.path()).unwrap().unwrap();
        identify(folder.path()).unwrap();
        assert_eq!(identity(folder.path()).unwrap().unwrap(), first);
        fs::write(folder.path().join(IDENTITY), "{").unwrap();
        assert!(identity(folder.path()).is_err());
    }
}
