//! One file in a cloud's store: read, put in one piece, deleted.

mod upload;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use iceberg::io::FileRead;
use iceberg::{Error, ErrorKind, Result};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

use crate::location::Location;

pub(super) use upload::Upload;

/// A file that is in a store or may come to be.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    /// What stands before the path in its location, such as `s3://bucket/`.
    pub(super) root: String,
}

impl Object {
    pub(super) fn new(store: Arc<dyn ObjectStore>, at: &Location) -> Result<Self> {
        let root = format!("{}/", at.root.trim_end_matches('/'));
        let path = Path::parse(at.path).map_err(failed("understand", &format!("{root}{}", at.path)))?;
        Ok(Self { store, path, root })
    }

    /// Its location, the same however the path was written.
    pub(super) fn location(&self) -> String {
        format!("{}{}", self.root, self.path)
    }

    pub(super) async fn size(&self) -> Result<u64> {
        let found = self.store.head(&self.path).await;
        found.map(|object| object.size).map_err(failed("measure", &self.location()))
    }

    pub(super) async fn exists(&self) -> Result<bool> {
        match self.store.head(&self.path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed("look for", &self.location())(error)),
        }
    }

    pub(super) async fn read_whole(&self) -> Result<Bytes> {
        let read = async { self.store.get(&self.path).await?.bytes().await };
        read.await.map_err(failed("read", &self.location()))
    }

    /// Makes the file, all at once, unless there is one.
    async fn create(&self, bytes: Bytes) -> Result<()> {
        match self.store.put_opts(&self.path, bytes.clone().into(), PutMode::Create.into()).await {
            Ok(_) => Ok(()),
            // It may be that an answer was lost, and the store refused our own second try.
            Err(object_store::Error::AlreadyExists { .. }) if self.read_whole().await? == bytes => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => Err(self.taken()),
            Err(object_store::Error::NotImplemented { .. }) => {
                self.check_absent().await?;
                let put = self.store.put(&self.path, bytes.into()).await;
                put.map(drop).map_err(failed("write", &self.location()))
            }
            Err(error) => Err(failed("write", &self.location())(error)),
        }
    }

    async fn check_absent(&self) -> Result<()> {
        if self.exists().await? { Err(self.taken()) } else { Ok(()) }
    }

    /// Iceberg's files never change, so one that stands there already is an error.
    fn taken(&self) -> Error {
        Error::new(ErrorKind::Unexpected, format!("failed to write {}: there is such a file", self.location()))
    }

    pub(super) async fn delete(self) -> Result<()> {
        delete_all(vec![self]).await
    }

    /// Deletes everything under the path, none of which may be a file itself.
    pub(super) async fn delete_folder(self) -> Result<()> {
        let listed = self.store.list(Some(&self.path)).map_ok(|object| object.location).boxed();
        let mut deleted = self.store.delete_stream(listed);
        while let Some(result) = deleted.next().await {
            absent_is_fine(result).map_err(failed("delete", &self.location()))?;
        }
        Ok(())
    }
}

#[async_trait]
impl FileRead for Object {
    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let asked = range.end.saturating_sub(range.start);
        let bytes = self.store.get_range(&self.path, range).await.map_err(failed("read", &self.location()))?;
        if bytes.len() as u64 == asked {
            return Ok(bytes);
        }
        let reason = format!("failed to read {}: it ends before the range that was asked for", self.location());
        Err(Error::new(ErrorKind::Unexpected, reason))
    }
}

/// Deletes files of one store; that one is not there is no error.
pub(super) async fn delete_all(objects: Vec<Object>) -> Result<()> {
    let Some(first) = objects.first() else { return Ok(()) };
    let (store, location) = (first.store.clone(), first.location());
    let paths = futures::stream::iter(objects.into_iter().map(|object| Ok(object.path))).boxed();
    let mut deleted = store.delete_stream(paths);
    while let Some(result) = deleted.next().await {
        absent_is_fine(result).map_err(failed("delete files, among them", &location))?;
    }
    Ok(())
}

fn absent_is_fine(result: object_store::Result<Path>) -> object_store::Result<()> {
    match result {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        other => other.map(drop),
    }
}

/// For `map_err`: a store's error with what was attempted.
pub(super) fn failed<E: std::error::Error + Send + Sync + 'static>(
    action: &'static str,
    location: &str,
) -> impl FnOnce(E) -> Error {
    let reason = format!("failed to {action} {location}");
    move |source| Error::new(ErrorKind::Unexpected, reason).with_source(source)
}
