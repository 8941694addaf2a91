//! A folder of its own on each storage.

use std::sync::Arc;

use bytes::Bytes;
use iceberg::io::{FileIO, FileIOBuilder};
use storage::{Listing, StorageConfig};
use tempfile::TempDir;

use testkit::services::stores::{self, AZURE_ACCOUNT, AZURE_KEY};

/// A place to write files to.
pub struct Place {
    pub files: FileIO,
    pub listing: Arc<dyn Listing>,
    /// The folder's location.
    location: String,
    _folder: Option<TempDir>,
}

impl Place {
    fn new(config: &StorageConfig, location: String) -> Self {
        config.check().unwrap();
        let files = FileIOBuilder::new(storage::factory(config)).build();
        let listing = storage::listing(config, &files);
        Self { files, listing, location, _folder: None }
    }

    /// The location of a name in the folder.
    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }

    pub async fn write(&self, name: &str, bytes: impl Into<Bytes>) {
        self.files.new_output(self.at(name)).unwrap().write(bytes.into()).await.unwrap();
    }

    pub async fn read(&self, name: &str) -> Bytes {
        self.files.new_input(self.at(name)).unwrap().read().await.unwrap()
    }

    /// Names of all files in the folder, sorted.
    pub async fn names(&self) -> Vec<String> {
        let listed = self.listing.list(&self.location).await.unwrap();
        let names = listed.into_iter().map(|file| file.location.strip_prefix(&self.at("")).unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

pub fn local() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let location = format!("file://{}", folder.path().display());
    Place { _folder: Some(folder), ..Place::new(&StorageConfig::default(), location) }
}

pub fn s3() -> Place {
    Place::new(&s3_config(), in_new_bucket("s3"))
}

/// A service that ignores the condition not to overwrite.
pub fn s3_without_conditions() -> Place {
    let mut config = s3_config();
    config.s3.conditional_put = false;
    Place::new(&config, in_new_bucket("s3a"))
}

pub fn az() -> Place {
    let mut config = StorageConfig { allow_http: true, ..StorageConfig::default() };
    config.az.endpoint = Some(stores::azure().to_owned());
    config.az.account = Some(AZURE_ACCOUNT.to_owned());
    config.az.account_key = Some(AZURE_KEY.into());
    Place::new(&config, format!("az://{}/folder", stores::new_container()))
}

pub fn s3_config() -> StorageConfig {
    let mut config = StorageConfig { allow_http: true, ..StorageConfig::default() };
    config.s3.endpoint = Some(stores::s3().to_owned());
    config.s3.region = Some("us-east-1".to_owned());
    config.s3.access_key_id = Some("key".to_owned());
    config.s3.secret_access_key = Some("secret".into());
    config
}

/// A folder in a bucket that no other test uses.
fn in_new_bucket(scheme: &str) -> String {
    format!("{scheme}://{}/folder", stores::new_bucket())
}

pub fn gs() -> Place {
    let mut config = StorageConfig { allow_http: true, ..StorageConfig::default() };
    config.gs.endpoint = Some(stores::s3().to_owned());
    config.gs.access_token = Some("token".into());
    Place::new(&config, in_new_bucket("gs"))
}
