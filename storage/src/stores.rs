//! The stores of buckets, each opened once so that its connections and credentials are used again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{ClientConfigKey, ObjectStore, Result, RetryConfig, StaticCredentialProvider};

use crate::location::{Location, Scheme};
use crate::{AzConfig, StorageConfig};

type Store = Arc<dyn ObjectStore>;

/// Scheme, bucket, and host where the location names one.
type Key = (Scheme, String, Option<String>);

/// The stores that are open.
#[derive(Debug, Default)]
pub(super) struct Stores(Mutex<HashMap<Key, Store>>);

impl Stores {
    /// The store of the bucket in which `at` lies. No request is made.
    ///
    /// # Errors
    /// Settings that cannot be used. Local files are in no store.
    pub(super) fn open(&self, config: &StorageConfig, at: &Location) -> Result<Store> {
        let key = (at.scheme, at.bucket.to_owned(), at.host.map(str::to_owned));
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(&key) {
            return Ok(store.clone());
        }
        let store: Store = match at.scheme {
            Scheme::S3 => Arc::new(s3(config, at).build()?),
            Scheme::Gs => Arc::new(gs(config, at).build()?),
            Scheme::Az => Arc::new(az(config, at).build()?),
            Scheme::File => {
                return Err(object_store::Error::NotSupported { source: "local files lie in no bucket".into() });
            }
        };
        open.insert(key, store.clone());
        Ok(store)
    }
}

fn s3(config: &StorageConfig, at: &Location) -> AmazonS3Builder {
    let s3 = &config.s3;
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(at.bucket)
        .with_retry(retry(config))
        .with_skip_signature(s3.anonymous)
        .with_virtual_hosted_style_request(!s3.path_style)
        .with_conditional_put(if s3.conditional_put {
            S3ConditionalPut::ETagMatch
        } else {
            S3ConditionalPut::Disabled
        });
    for (key, value) in client(config) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    if let Some(region) = &s3.region {
        builder = builder.with_region(region);
    }
    let in_environment = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let in_environment = || in_environment.iter().find_map(|key| builder.get_config_value(key));
    if let Some(endpoint) = s3.endpoint.clone().or_else(in_environment) {
        let endpoint = if s3.path_style { endpoint } else { with_bucket(&endpoint, at.bucket) };
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    // Given as a whole, so that no session token of the environment is joined to a key of the configuration.
    if let (Some(key), Some(secret)) = (&s3.access_key_id, &s3.secret_access_key) {
        let credential = AwsCredential {
            key_id: key.clone(),
            secret_key: secret.expose().to_owned(),
            token: s3.session_token.as_ref().map(|token| token.expose().to_owned()),
        };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)));
    }
    builder
}

/// The endpoint's URL with the bucket before its host.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => endpoint.to_owned(),
    }
}

fn gs(config: &StorageConfig, at: &Location) -> GoogleCloudStorageBuilder {
    let gs = &config.gs;
    let has_credentials = gs.service_account_file.is_some() || gs.access_token.is_some() || gs.anonymous;
    let builder =
        if has_credentials { GoogleCloudStorageBuilder::new() } else { GoogleCloudStorageBuilder::from_env() };
    let mut builder = builder.with_bucket_name(at.bucket).with_retry(retry(config)).with_skip_signature(gs.anonymous);
    for (key, value) in client(config) {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    if let Some(endpoint) = &gs.endpoint {
        builder = builder.with_base_url(endpoint);
    }
    if let Some(token) = &gs.access_token {
        let credential = GcpCredential { bearer: token.expose().to_owned() };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)));
    } else if let Some(file) = &gs.service_account_file {
        builder = builder.with_service_account_path(file.to_string_lossy());
    }
    builder
}

fn az(config: &StorageConfig, at: &Location) -> MicrosoftAzureBuilder {
    let az = &config.az;
    let has_credentials = az.account_key.is_some() || az.sas_token.is_some() || az.client_secret.is_some();
    let builder = if has_credentials { MicrosoftAzureBuilder::new() } else { MicrosoftAzureBuilder::from_env() };
    let mut builder = builder.with_container_name(at.bucket).with_retry(retry(config));
    for (key, value) in client(config) {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    let (account, endpoint) = account_of(at.host);
    let endpoint = az.endpoint.clone().or(endpoint);
    for (key, value) in [
        (AzureConfigKey::AccountName, account.or_else(|| az.account.clone())),
        (AzureConfigKey::Endpoint, endpoint),
        (AzureConfigKey::AuthorityId, az.tenant_id.clone()),
        (AzureConfigKey::ClientId, az.client_id.clone()),
    ] {
        if let Some(value) = value {
            builder = builder.with_config(key, value);
        }
    }
    authorised(builder, az)
}

fn authorised(builder: MicrosoftAzureBuilder, az: &AzConfig) -> MicrosoftAzureBuilder {
    if let Some(key) = &az.account_key {
        builder.with_access_key(key.expose())
    } else if let Some(token) = &az.sas_token {
        builder.with_config(AzureConfigKey::SasKey, token.expose())
    } else if let Some(secret) = &az.client_secret {
        builder.with_client_secret(secret.expose())
    } else {
        builder
    }
}

/// Account and blob endpoint of a host such as `account.dfs.core.windows.net`, in whichever of Azure's clouds.
fn account_of(host: Option<&str>) -> (Option<String>, Option<String>) {
    let Some((account, domain)) = host.and_then(|host| host.split_once('.')) else { return (None, None) };
    let cloud = domain.strip_prefix("dfs.").or_else(|| domain.strip_prefix("blob."));
    (Some(account.to_owned()), cloud.map(|cloud| format!("https://{account}.blob.{cloud}")))
}

fn retry(config: &StorageConfig) -> RetryConfig {
    RetryConfig { retry_timeout: Duration::from_millis(config.retry_timeout_ms), ..RetryConfig::default() }
}

fn client(config: &StorageConfig) -> Vec<(ClientConfigKey, String)> {
    let mut options = vec![
        (ClientConfigKey::ConnectTimeout, format!("{} ms", config.connect_timeout_ms)),
        (ClientConfigKey::Timeout, format!("{} ms", config.request_timeout_ms)),
    ];
    if config.allow_http {
        options.push((ClientConfigKey::AllowHttp, true.to_string()));
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(config: &StorageConfig, location: &str) -> String {
        let stores = Stores::default();
        let location = Location::parse(location).unwrap();
        format!("{:?}", stores.open(config, &location).unwrap())
    }

    #[test]
    fn requests_go_where_bucket_endpoint_and_region_say() {
        let mut config = StorageConfig::default();
        config.s3.region = Some("eu-west-1".to_owned());
        assert!(open(&config, "s3a://lake/t").contains("https://s3.eu-west-1.amazonaws.com/lake\""));
        config.s3.path_style = false;
        assert!(open(&config, "s3://lake/t").contains("https://lake.s3.eu-west-1.amazonaws.com\""));
        config.s3.endpoint = Some("https://minio.example:9000".to_owned());
        assert!(open(&config, "s3://lake/t").contains("https://lake.minio.example:9000\""));
        config.s3.path_style = true;
        assert!(open(&config, "s3://lake/t").contains("https://minio.example:9000/lake\""));
    }

    #[test]
    fn an_azure_account_is_that_of_the_location_before_that_of_the_settings() {
        let mut config = StorageConfig::default();
        config.az.account = Some("ours".to_owned());
        config.az.account_key = Some("bm90aGluZw==".into());
        assert!(open(&config, "az://box/t").contains("\"ours\""));
        let theirs = open(&config, "abfss://box@theirs.dfs.core.chinacloudapi.cn/t");
        assert!(theirs.contains("\"theirs\"") && theirs.contains("theirs.blob.core.chinacloudapi.cn"), "{theirs}");
        config.az.account = None;
        let stores = Stores::default();
        assert!(stores.open(&config, &Location::parse("az://box/t").unwrap()).is_err());
    }

    #[test]
    fn a_bucket_is_opened_once_whatever_its_scheme_is_called() {
        let (stores, config) = (Stores::default(), StorageConfig::default());
        let open = |location| stores.open(&config, &Location::parse(location).unwrap()).unwrap();
        assert!(Arc::ptr_eq(&open("s3://lake/a"), &open("s3a://lake/b")));
        assert!(!Arc::ptr_eq(&open("s3://lake/a"), &open("s3://pond/a")));
    }
}
