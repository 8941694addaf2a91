//! Local files for Iceberg that survive a crash: a file appears under its name only when it is whole and on the disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use iceberg::io::{FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage};
use iceberg::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::location::{Location, Scheme};

/// Files under `file://` locations.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct DurableFiles;

#[async_trait]
#[typetag::serde(name = "PagebergDurableFiles")]
impl Storage for DurableFiles {
    async fn exists(&self, location: &str) -> Result<bool> {
        on_file("look for", path_of(location)?, |path| path.try_exists()).await
    }

    async fn metadata(&self, location: &str) -> Result<FileMetadata> {
        let size = on_file("measure", path_of(location)?, |path| Ok(fs::metadata(path)?.len())).await?;
        Ok(FileMetadata { size })
    }

    async fn read(&self, location: &str) -> Result<Bytes> {
        on_file("read", path_of(location)?, |path| fs::read(path).map(Bytes::from)).await
    }

    async fn reader(&self, location: &str) -> Result<Box<dyn FileRead>> {
        let path = path_of(location)?;
        let file = on_file("open", path.clone(), |path| File::open(path)).await?;
        Ok(Box::new(Reader { file: Arc::new(file), path }))
    }

    async fn write(&self, location: &str, bytes: Bytes) -> Result<()> {
        let mut writer = self.writer(location).await?;
        writer.write(bytes).await?;
        writer.close().await
    }

    async fn writer(&self, location: &str) -> Result<Box<dyn FileWrite>> {
        let draft = on_file("create", path_of(location)?, Draft::create).await?;
        Ok(Box::new(Writer { draft: Some(draft) }))
    }

    async fn delete(&self, location: &str) -> Result<()> {
        on_file("delete", path_of(location)?, |path| present(fs::remove_file(path)).map(drop)).await
    }

    async fn delete_prefix(&self, location: &str) -> Result<()> {
        on_file("delete", path_of(location)?, |path| present(fs::remove_dir_all(path)).map(drop)).await
    }

    async fn delete_stream(&self, mut locations: BoxStream<'static, String>) -> Result<()> {
        while let Some(location) = locations.next().await {
            self.delete(&location).await?;
        }
        Ok(())
    }

    fn new_input(&self, location: &str) -> Result<InputFile> {
        Ok(InputFile::new(Arc::new(self.clone()), location.to_owned()))
    }

    fn new_output(&self, location: &str) -> Result<OutputFile> {
        Ok(OutputFile::new(Arc::new(self.clone()), location.to_owned()))
    }
}

struct Reader {
    file: Arc<File>,
    path: PathBuf,
}

#[async_trait]
impl FileRead for Reader {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let file = self.file.clone();
        on_file("read", self.path.clone(), move |_path| {
            let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, range.start)?;
            Ok(bytes.into())
        })
        .await
    }
}

struct Writer {
    draft: Option<Draft>,
}

impl Writer {
    /// Takes the draft, so that an error or a dropped call leaves the writer closed and the draft deleted.
    fn take(&mut self) -> Result<Draft> {
        self.draft.take().ok_or_else(|| Error::new(ErrorKind::Unexpected, "the file is closed"))
    }
}

#[async_trait]
impl FileWrite for Writer {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let mut draft = self.take()?;
        let path = draft.destination.clone();
        let write = move |_path: &Path| draft.file.write_all(&bytes).map(|()| draft);
        self.draft = Some(on_file("write", path, write).await?);
        Ok(())
    }

    async fn close(&mut self) -> Result<()> {
        let draft = self.take()?;
        on_file("publish", draft.destination.clone(), |_path| draft.publish()).await
    }
}

/// A file under a temporary name beside its own; deleted when dropped before it was published.
struct Draft {
    file: File,
    temporary: PathBuf,
    destination: PathBuf,
}

impl Draft {
    fn create(destination: &Path) -> io::Result<Self> {
        let (Some(folder), Some(name)) = (destination.parent(), destination.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the path of a file"));
        };
        create_folder(folder)?;
        let temporary = folder.join(format!(".{}.part", name.to_string_lossy()));
        let file = match File::create_new(&temporary) {
            // Maintenance has removed the empty folder, which it does not do twice: it is new now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_folder(folder)?;
                File::create_new(&temporary)?
            }
            created => created?,
        };
        Ok(Self { file, temporary, destination: destination.to_owned() })
    }

    /// Iceberg's files never change, so one that stands there already is an error.
    fn publish(self) -> io::Result<()> {
        self.file.sync_all()?;
        if self.destination.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(&self.temporary, &self.destination)?;
        self.destination.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After publication there is nothing of this name, and nothing else could be done about a failure.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Creates a folder and those above it, each durably recorded in its parent.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().ok_or(io::ErrorKind::NotFound)?;
    create_folder(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(parent),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The result of an operation on what may be gone.
pub(super) fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

pub(super) fn path_of(location: &str) -> Result<PathBuf> {
    match Location::parse(location) {
        Some(at) if at.scheme == Scheme::File => Ok(at.path.into()),
        _ => Err(Error::new(ErrorKind::DataInvalid, format!("{location} is no file:/// location"))),
    }
}

/// Runs file operations off the threads that await; an fsync may take long.
pub(super) async fn on_file<T: Send + 'static>(
    action: &'static str,
    path: PathBuf,
    operation: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let shown = path.display().to_string();
    tokio::task::spawn_blocking(move || operation(&path))
        .await
        .unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
        .map_err(|error| Error::new(ErrorKind::Unexpected, format!("failed to {action} {shown}")).with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(folder: &tempfile::TempDir, name: &str) -> String {
        format!("file://{}/{name}", folder.path().display())
    }

    #[tokio::test]
    async fn a_file_appears_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = location(&folder, "a/b/data.parquet");
        let mut writer = DurableFiles.writer(&place).await.unwrap();
        writer.write("half".into()).await.unwrap();
        assert!(!DurableFiles.exists(&place).await.unwrap());
        writer.write(" whole".into()).await.unwrap();
        writer.close().await.unwrap();
        assert_eq!(DurableFiles.read(&place).await.unwrap(), "half whole");
        assert_eq!(DurableFiles.metadata(&place).await.unwrap().size, 10);
        let reader = DurableFiles.reader(&place).await.unwrap();
        assert_eq!(reader.read(5..10).await.unwrap(), "whole");
        assert!(reader.read(5..11).await.is_err());
        assert!(writer.write("more".into()).await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = location(&folder, "data.parquet");
        let mut writer = DurableFiles.writer(&place).await.unwrap();
        writer.write("half".into()).await.unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let place = location(&folder, "v1.metadata.json");
        DurableFiles.write(&place, "first".into()).await.unwrap();
        assert!(DurableFiles.write(&place, "second".into()).await.is_err());
        assert_eq!(DurableFiles.read(&place).await.unwrap(), "first");
    }

    #[tokio::test]
    async fn deleting_what_is_not_there_succeeds() {
        let folder = tempfile::tempdir().unwrap();
        DurableFiles.delete(&location(&folder, "none")).await.unwrap();
        DurableFiles.delete_prefix(&location(&folder, "none")).await.unwrap();
        assert!(DurableFiles.delete("s3://bucket/none").await.is_err());
    }
}
