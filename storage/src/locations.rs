//! Iceberg's storage over all schemes: each location goes to local disk or to the store of its bucket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use iceberg::io::StorageConfig as Properties;
use iceberg::io::{FileMetadata, FileRead, FileWrite, InputFile, OutputFile, Storage, StorageFactory};
use iceberg::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::local::DurableFiles;
use crate::location::{Location, Scheme};
use crate::object::{self, Object, Upload};
use crate::stores::Stores;
use crate::{StorageConfig, vended};

/// Storages that stay open for the tables that are loaded next.
const KEPT: usize = 8;

/// Locations that are deleted with one request.
const DELETED_AT_ONCE: usize = 1_000;

/// Makes the storage of tables. A catalog may ask for each table anew, at each commit, so those made before are given
/// again as long as the settings are the same. Its serialised form carries no secrets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Factory {
    config: StorageConfig,
    #[serde(skip)]
    made: Mutex<Vec<Arc<Locations>>>,
}

impl Factory {
    pub(super) fn new(config: StorageConfig) -> Self {
        Self { config, made: Mutex::default() }
    }

    fn storage(&self, given: &Properties) -> Arc<Locations> {
        let config = vended::over(&self.config, given);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.iter().position(|storage| storage.config == config);
        let storage = known.map_or_else(|| Arc::new(Locations::new(config)), |index| made.remove(index));
        made.insert(0, storage.clone());
        made.truncate(KEPT);
        storage
    }
}

#[typetag::serde(name = "PagebergStorageFactory")]
impl StorageFactory for Factory {
    fn build(&self, given: &Properties) -> Result<Arc<dyn Storage>> {
        Ok(self.storage(given))
    }
}

/// The storage of one table, or of several with the same settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Locations {
    config: StorageConfig,
    #[serde(skip)]
    stores: Arc<Stores>,
}

/// Where a location lies.
pub(super) enum Place {
    /// On local disk.
    Local(DurableFiles),
    /// In a store.
    Store(Object),
}

impl Locations {
    pub(super) fn new(config: StorageConfig) -> Self {
        Self { config, stores: Arc::default() }
    }

    pub(super) fn find(&self, location: &str) -> Result<Place> {
        let Some(at) = Location::parse(location) else {
            let reason = format!("{location} lies in no known storage: known are file, s3, gs and az");
            return Err(Error::new(ErrorKind::DataInvalid, reason));
        };
        if at.scheme == Scheme::File {
            return Ok(Place::Local(DurableFiles));
        }
        let store = self.stores.open(&self.config, &at).map_err(object::failed("open the store of", location))?;
        Object::new(store, &at).map(Place::Store)
    }
}

#[async_trait]
#[typetag::serde(name = "PagebergStorage")]
impl Storage for Locations {
    async fn exists(&self, location: &str) -> Result<bool> {
        match self.find(location)? {
            Place::Local(files) => files.exists(location).await,
            Place::Store(object) => object.exists().await,
        }
    }

    async fn metadata(&self, location: &str) -> Result<FileMetadata> {
        match self.find(location)? {
            Place::Local(files) => files.metadata(location).await,
            Place::Store(object) => object.size().await.map(|size| FileMetadata { size }),
        }
    }

    async fn read(&self, location: &str) -> Result<Bytes> {
        match self.find(location)? {
            Place::Local(files) => files.read(location).await,
            Place::Store(object) => object.read_whole().await,
        }
    }

    async fn reader(&self, location: &str) -> Result<Box<dyn FileRead>> {
        match self.find(location)? {
            Place::Local(files) => files.reader(location).await,
            Place::Store(object) => Ok(Box::new(object)),
        }
    }

    async fn write(&self, location: &str, bytes: Bytes) -> Result<()> {
        let mut writer = self.writer(location).await?;
        writer.write(bytes).await?;
        writer.close().await
    }

    async fn writer(&self, location: &str) -> Result<Box<dyn FileWrite>> {
        match self.find(location)? {
            Place::Local(files) => files.writer(location).await,
            Place::Store(object) => Ok(Box::new(Upload::new(object))),
        }
    }

    async fn delete(&self, location: &str) -> Result<()> {
        match self.find(location)? {
            Place::Local(files) => files.delete(location).await,
            Place::Store(object) => object.delete().await,
        }
    }

    async fn delete_prefix(&self, location: &str) -> Result<()> {
        match self.find(location)? {
            Place::Local(files) => files.delete_prefix(location).await,
            Place::Store(object) => object.delete_folder().await,
        }
    }

    async fn delete_stream(&self, locations: BoxStream<'static, String>) -> Result<()> {
        let mut chunks = locations.chunks(DELETED_AT_ONCE);
        while let Some(chunk) = chunks.next().await {
            let mut by_bucket = HashMap::<String, Vec<Object>>::new();
            for location in &chunk {
                match self.find(location)? {
                    Place::Local(files) => files.delete(location).await?,
                    Place::Store(object) => by_bucket.entry(object.root.clone()).or_default().push(object),
                }
            }
            for objects in by_bucket.into_values() {
                object::delete_all(objects).await?;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_settings_share_their_connections_and_lent_credentials_have_their_own() {
        let factory = Factory::default();
        let lent = Properties::new().with_props([("s3.access-key-id", "lent"), ("s3.secret-access-key", "secret")]);
        let (ours, theirs) = (factory.storage(&Properties::new()), factory.storage(&lent));
        assert!(Arc::ptr_eq(&ours, &factory.storage(&Properties::new().with_prop("uri", "https://catalog"))));
        assert!(Arc::ptr_eq(&theirs, &factory.storage(&lent)));
        assert!(!Arc::ptr_eq(&ours, &theirs));
        for number in 0..100 {
            factory.storage(&lent.clone().with_prop("s3.session-token", number.to_string()));
        }
        assert_eq!(factory.made.lock().unwrap().len(), KEPT);
    }

    #[test]
    fn a_location_of_no_known_scheme_is_refused() {
        let refused = Locations::new(StorageConfig::default()).find("hdfs://host/t").err().unwrap();
        assert!(refused.to_string().contains("hdfs://host/t"), "{refused}");
    }
}
