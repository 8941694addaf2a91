//! Any HTTP address: asked with what the server said of the version in place (RFC 9110, conditional requests).

use event::Secret;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use super::{Download, Installed, file_name, http_url};
use crate::update::config::{ConfigError, UrlConfig};
use crate::update::http::Credentials;

/// A database at an address of its own.
#[derive(Clone)]
pub struct Location {
    pub file_name: String,
    url: Url,
    credentials: Option<Credentials>,
}

impl Location {
    /// The entry of this name.
    pub fn new(entry: &str, config: &UrlConfig) -> Result<Self, ConfigError> {
        let key = |name: &str| format!("urls.{entry}.{name}");
        let entry_name = file_name("urls", entry)?;
        let url = config.url.as_ref().ok_or_else(|| ConfigError::Missing(key("url")))?;
        let url = http_url(&key("url"), url)?;
        let file_name = match &config.file_name {
            Some(name) => file_name(&key("file_name"), name)?,
            None => format!("{entry_name}.mmdb"),
        };
        let secret = config.header_secret.as_ref();
        let credentials = secret.map(|secret| header(&config.header_name, secret));
        let credentials =
            credentials.transpose().map_err(|()| ConfigError::Header(key("header_name and header_secret")));
        Ok(Self { file_name, url, credentials: credentials? })
    }

    /// The database, if it has changed.
    pub fn download(&self, installed: Option<&Installed>) -> Download {
        let validators = installed.map(|installed| installed.validators.clone()).unwrap_or_default();
        let (url, credentials) = (self.url.clone(), self.credentials.clone());
        Download { url, credentials, validators, edition: None, md5: None }
    }
}

fn header(name: &str, secret: &Secret) -> Result<Credentials, ()> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(drop)?;
    let mut value = HeaderValue::from_str(secret.expose()).map_err(drop)?;
    value.set_sensitive(true);
    Ok(Credentials::Header { name, value })
}
