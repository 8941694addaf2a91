//! Which files there are, named by a snapshot or not.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use async_trait::async_trait;

use crate::Error;
use crate::storage::{on_file, path_of};

/// A file of the storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) location: String,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// A storage whose files can be listed.
#[async_trait]
pub(super) trait Listing: Send + Sync {
    /// All files under a location, at any depth; none when there is no such place.
    async fn list(&self, location: &str) -> Result<Vec<Listed>, Error>;
}

/// Files under `file://` locations.
pub(super) struct LocalFiles;

#[async_trait]
impl Listing for LocalFiles {
    async fn list(&self, location: &str) -> Result<Vec<Listed>, Error> {
        let unlisted = Error::iceberg("list the table's files");
        let walk = async {
            let found = on_file("list", path_of(location)?, |folder| {
                let mut found = Vec::new();
                walk(folder, &mut found).map(|()| found)
            });
            found.await
        };
        walk.await.map_err(unlisted)
    }
}

/// What vanishes meanwhile is passed over, and so are links.
fn walk(folder: &Path, found: &mut Vec<Listed>) -> io::Result<()> {
    let Some(entries) = present(fs::read_dir(folder))? else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let Some(metadata) = present(entry.metadata())? else { continue };
        if metadata.is_dir() {
            walk(&entry.path(), found)?;
        } else if let Some(path) = entry.path().to_str().filter(|_| metadata.is_file()) {
            let modified = metadata.modified()?;
            found.push(Listed { location: format!("file://{path}"), bytes: metadata.len(), modified });
        }
    }
    Ok(())
}

fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_at_any_depth_are_listed_with_their_sizes() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/one.parquet"), "12345").unwrap();
        fs::write(folder.path().join("two.avro"), "1").unwrap();
        let location = format!("file://{}", folder.path().display());
        let mut found = LocalFiles.list(&location).await.unwrap();
        found.sort_by_key(|file| file.bytes);
        let found: Vec<_> = found.iter().map(|file| (file.location.as_str(), file.bytes)).collect();
        let (one, two) = (format!("{location}/a/b/one.parquet"), format!("{location}/two.avro"));
        assert_eq!(found, [(two.as_str(), 1), (one.as_str(), 5)]);
        assert_eq!(LocalFiles.list(&format!("{location}/none")).await.unwrap(), []);
    }
}
