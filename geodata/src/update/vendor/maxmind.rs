//! MaxMind: the metadata tell date and checksum of the newest build, which is then downloaded as tar.gz
//! (<https://dev.maxmind.com/geoip/updating-databases>).

use reqwest::Url;
use serde::Deserialize;

use super::{Download, Installed, below, file_name, http_url};
use crate::update::config::{ConfigError, MaxMindConfig};
use crate::update::error::UpdateError;
use crate::update::http::{Credentials, Http, Validators};

/// One edition, such as GeoLite2-City.
#[derive(Clone)]
pub struct Edition {
    pub name: String,
    base: Url,
    credentials: Credentials,
}

#[derive(Deserialize)]
struct Metadata {
    databases: Vec<Build>,
}

#[derive(Deserialize)]
struct Build {
    edition_id: String,
    /// Such as `2026-11-20`.
    date: String,
    /// Of the database, not of the archive.
    md5: String,
}

impl Edition {
    /// All that are configured.
    pub fn all(config: &MaxMindConfig) -> Result<Vec<Self>, ConfigError> {
        let Some(_) = config.editions.first() else { return Ok(Vec::new()) };
        let missing = |key: &str| ConfigError::Missing(format!("maxmind.{key}"));
        let account_id = config.account_id.ok_or_else(|| missing("account_id"))?;
        let license_key = config.license_key.clone().ok_or_else(|| missing("license_key"))?;
        let base = http_url("maxmind.base_url", &config.base_url)?;
        let credentials = Credentials::Basic { user: account_id.to_string(), password: license_key };
        let edition = |name: &String| {
            let name = file_name("maxmind.editions", name)?;
            Ok(Self { name, base: base.clone(), credentials: credentials.clone() })
        };
        config.editions.iter().map(edition).collect()
    }

    /// The newest build, unless it is the one in place.
    pub async fn download(&self, http: &Http, installed: Option<&Installed>) -> Result<Option<Download>, UpdateError> {
        let mut url = below(&self.base, ["geoip", "updates", "metadata"]);
        url.query_pairs_mut().append_pair("edition_id", &self.name);
        let answer = http.read(&url, Some(&self.credentials)).await?;
        let build = self.newest(&answer)?;
        if installed.is_some_and(|installed| installed.md5.eq_ignore_ascii_case(&build.md5)) {
            return Ok(None);
        }
        let mut url = below(&self.base, ["geoip", "databases", &self.name, "download"]);
        url.query_pairs_mut().append_pair("date", &build.date.replace('-', "")).append_pair("suffix", "tar.gz");
        Ok(Some(Download {
            url,
            credentials: Some(self.credentials.clone()),
            validators: Validators::default(),
            edition: Some(build.date),
            md5: Some(build.md5),
        }))
    }

    fn newest(&self, answer: &[u8]) -> Result<Build, UpdateError> {
        let metadata: Metadata =
            serde_json::from_slice(answer).map_err(|_| UpdateError::Answer("no metadata of databases".to_owned()))?;
        let build = metadata.databases.into_iter().find(|build| build.edition_id == self.name);
        let build = build.ok_or(UpdateError::NotFound)?;
        let is_checksum = build.md5.len() == 32 && build.md5.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_date = build.date.len() >= 8 && build.date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        match is_checksum && is_date {
            true => Ok(build),
            false => Err(UpdateError::Answer("metadata without date or checksum".to_owned())),
        }
    }
}
