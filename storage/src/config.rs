//! What can be set about where the table's files lie.

use std::path::{Path, PathBuf};

use event::Secret;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::location::{Location, Scheme, absolute, unreadable};

/// Where the files of the warehouse lie. What is not set for a cloud's store is taken from where its own tools look: the
/// variables `AWS_…`, `GOOGLE_…` and `AZURE_…`, then what the machine or container that pageberg runs in was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// URL of the warehouse folder: `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix`,
    /// `az://container/prefix` or `abfss://container@account.dfs.core.windows.net/prefix`. When empty: `warehouse` in
    /// the data folder. A table that exists stays where it is.
    pub location: String,
    /// Whether stores may be spoken to without encryption, over `http://`.
    pub allow_http: bool,
    /// How long a connection to a store may take to be made, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long one request to a store may take, in milliseconds. The largest carries 8 MiB.
    pub request_timeout_ms: u64,
    /// How long a request that a store does not answer rightly is tried again, in milliseconds.
    pub retry_timeout_ms: u64,
    /// Amazon S3, and what speaks its protocol.
    pub s3: S3Config,
    /// Google Cloud Storage.
    pub gs: GsConfig,
    /// Azure Blob Storage, Data Lake Storage among it.
    pub az: AzConfig,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            location: String::new(),
            allow_http: false,
            connect_timeout_ms: 5_000,
            request_timeout_ms: 60_000,
            retry_timeout_ms: 120_000,
            s3: S3Config::default(),
            gs: GsConfig::default(),
            az: AzConfig::default(),
        }
    }
}

/// Amazon S3, and what speaks its protocol. A lifecycle rule of the bucket should end incomplete multipart uploads after
/// a day: a process that is killed leaves its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// URL of the service when it is not Amazon's, such as `https://minio.example:9000`.
    pub endpoint: Option<String>,
    /// Region; when it is set nowhere: `us-east-1`.
    pub region: Option<String>,
    /// Whether the bucket stands in the path of requests (`endpoint/bucket/key`) rather than in the name of the host
    /// (`bucket.endpoint/key`).
    pub path_style: bool,
    /// Access key, together with `secret_access_key`.
    pub access_key_id: Option<String>,
    /// Secret of the access key.
    pub secret_access_key: Option<Secret>,
    /// Token that belongs to an access key that is valid for a time.
    pub session_token: Option<Secret>,
    /// Whether requests go unsigned, for a bucket that everybody may use.
    pub anonymous: bool,
    /// Whether the service can refuse to overwrite (`If-None-Match` on PUT), as Amazon's does. If not, it is asked before
    /// each write whether the file is there.
    pub conditional_put: bool,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            path_style: true,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            anonymous: false,
            conditional_put: true,
        }
    }
}

/// Google Cloud Storage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GsConfig {
    /// URL of the service when it is not Google's.
    pub endpoint: Option<String>,
    /// JSON file with the key of a service account.
    pub service_account_file: Option<PathBuf>,
    /// OAuth 2 access token; it is not renewed.
    pub access_token: Option<Secret>,
    /// Whether requests go without authorisation, for a bucket that everybody may use.
    pub anonymous: bool,
}

/// Azure Blob Storage, Data Lake Storage among it. Of several credentials the first one counts, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AzConfig {
    /// Storage account; not needed in a location that names it.
    pub account: Option<String>,
    /// URL of the blob service, its account included, when it is not `https://ACCOUNT.blob.core.windows.net`.
    pub endpoint: Option<String>,
    /// Key of the account.
    pub account_key: Option<Secret>,
    /// Shared access signature: the query that grants access, with or without its question mark.
    pub sas_token: Option<Secret>,
    /// Tenant of an application that is registered in Entra ID, together with `client_id` and `client_secret`.
    pub tenant_id: Option<String>,
    /// Id of that application.
    pub client_id: Option<String>,
    /// Secret of that application.
    pub client_secret: Option<Secret>,
}

impl StorageConfig {
    /// Whether every value can be used. Touches no file and asks no store.
    ///
    /// # Errors
    /// `Config` with the name of the first one that cannot.
    pub fn check(&self) -> Result<(), Error> {
        let faults = [self.fault_of_location(), self.fault_of_endpoints(), self.fault_of_credentials()];
        match faults.into_iter().flatten().next() {
            Some(fault) => Err(Error::Config(fault)),
            None => Ok(()),
        }
    }

    /// Where the warehouse folder is, without a slash at its end.
    ///
    /// # Errors
    /// `Config` when it cannot be used, or the data folder cannot in which it is.
    pub fn warehouse(&self, data_folder: &Path) -> Result<String, Error> {
        if self.location.is_empty() {
            return Ok(format!("file://{}/warehouse", absolute(data_folder)?.display()));
        }
        self.check().map(|()| self.location.trim_end_matches('/').to_owned())
    }

    fn fault_of_location(&self) -> Option<String> {
        if self.location.is_empty() {
            return None;
        }
        let fault = match Location::parse(&self.location) {
            None => "must be a URL such as file:///folder, s3://bucket/prefix, gs://bucket/prefix or \
                     az://container/prefix"
                .into(),
            Some(at) if at.scheme == Scheme::File && !self.location.starts_with("file:///") => {
                "must begin with file:///, the third slash being that of an absolute path".into()
            }
            Some(at) if at.path.trim_matches('/').split('/').any(|part| matches!(part, "." | "..")) => {
                "must not hold the parts . and ..".into()
            }
            Some(at) if at.path.trim_end_matches('/').contains("//") => "must not hold empty parts".into(),
            Some(_) => unreadable(&self.location)?,
        };
        Some(format!("storage.location {fault}"))
    }

    fn fault_of_endpoints(&self) -> Option<String> {
        let endpoints = [("s3", &self.s3.endpoint), ("gs", &self.gs.endpoint), ("az", &self.az.endpoint)];
        endpoints.into_iter().find_map(|(store, endpoint)| {
            let endpoint = endpoint.as_deref()?;
            let fault = if endpoint.starts_with("http://") && !self.allow_http {
                "is not encrypted: use https://, or allow it with storage.allow_http"
            } else if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
                "must begin with https:// or http://"
            } else {
                return None;
            };
            Some(format!("storage.{store}.endpoint {fault}"))
        })
    }

    fn fault_of_credentials(&self) -> Option<String> {
        let (s3, az) = (&self.s3, &self.az);
        let application = [az.tenant_id.is_some(), az.client_id.is_some(), az.client_secret.is_some()];
        let fault = if s3.access_key_id.is_some() != s3.secret_access_key.is_some() {
            "storage.s3.access_key_id and storage.s3.secret_access_key: give both or neither"
        } else if s3.session_token.is_some() && s3.access_key_id.is_none() {
            "storage.s3.session_token belongs to an access key: give storage.s3.access_key_id as well"
        } else if az.client_secret.is_some() && application.contains(&false) {
            "storage.az.client_secret belongs to an application: give tenant_id and client_id as well"
        } else {
            return None;
        };
        Some(fault.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut StorageConfig)) -> String {
        let mut config = StorageConfig::default();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn the_warehouse_is_in_the_data_folder_unless_it_is_placed_elsewhere() {
        let place = |location: &str| {
            let config = StorageConfig { location: location.to_owned(), ..StorageConfig::default() };
            config.warehouse(Path::new("/data")).unwrap()
        };
        assert_eq!(place(""), "file:///data/warehouse");
        assert_eq!(place("s3://bucket/lake/"), "s3://bucket/lake");
        assert_eq!(place("gs://bucket"), "gs://bucket");
        assert_eq!(place("file:///lake"), "file:///lake");
    }

    #[test]
    fn what_cannot_be_used_is_named_with_what_to_do() {
        for location in ["lake", "/lake", "file://lake", "ftp://host/lake", "s3://", "s3://b/a//c", "s3://b/../c"] {
            let told = fault(|config| config.location = location.to_owned());
            assert!(told.starts_with("storage.location must"), "{location}: {told}");
        }
        assert!(fault(|config| config.location = "s3://b/50%".to_owned()).contains("'%'"));
        assert!(fault(|config| config.s3.endpoint = Some("http://h".to_owned())).contains("storage.allow_http"));
        assert!(fault(|config| config.az.endpoint = Some("h:1".to_owned())).contains("storage.az.endpoint must"));
        assert!(fault(|config| config.s3.access_key_id = Some("key".to_owned())).contains("secret_access_key"));
        assert!(fault(|config| config.s3.session_token = Some("token".into())).contains("access_key_id"));
        assert!(fault(|config| config.az.client_secret = Some("secret".into())).contains("tenant_id"));
    }

    #[test]
    fn no_secret_is_printed() {
        let mut config = StorageConfig::default();
        config.s3.secret_access_key = Some("hidden".into());
        config.s3.session_token = Some("hidden".into());
        config.gs.access_token = Some("hidden".into());
        config.az.account_key = Some("hidden".into());
        config.az.sas_token = Some("hidden".into());
        config.az.client_secret = Some("hidden".into());
        assert!(!format!("{config:?}").contains("hidden"));
        assert!(!serde_json::to_string(&config).unwrap().contains("hidden"));
    }
}
