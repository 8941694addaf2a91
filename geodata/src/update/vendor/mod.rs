//! What to download, by each vendor's own protocol.

pub mod dbip;
pub mod ip2location;
pub mod location;
pub mod maxmind;

use chrono::NaiveDate;
use event::SecretUrl;
use reqwest::Url;

use super::config::ConfigError;
use super::error::UpdateError;
use super::http::{Credentials, Http, Validators};

/// Where a database comes from. It holds secrets and is never shown.
#[derive(Clone)]
pub enum Vendor {
    MaxMind(maxmind::Edition),
    Ip2Location(ip2location::Package),
    DbIp(dbip::Edition),
    Url(location::Location),
}

/// The database that is in place.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    /// Of the file, in hexadecimal.
    pub md5: String,
    /// The vendor's name for this version, if it was fetched and told.
    pub edition: Option<String>,
    /// What the server said of this version, if it was fetched.
    pub validators: Validators,
}

/// Something to download. Its address may carry a token: it is never shown.
#[derive(Clone)]
pub struct Download {
    pub url: Url,
    pub credentials: Option<Credentials>,
    /// What must have changed for the download to be wanted.
    pub validators: Validators,
    /// The vendor's name for this version.
    pub edition: Option<String>,
    /// Checksum that the database must have, in hexadecimal.
    pub md5: Option<String>,
}

impl Vendor {
    /// What may be newer than the database in place, best first: when the first is not there, the next may be. Nothing when
    /// the one in place is known to be the newest.
    pub async fn downloads(
        &self,
        http: &Http,
        installed: Option<&Installed>,
        today: NaiveDate,
    ) -> Result<Vec<Download>, UpdateError> {
        Ok(match self {
            Self::MaxMind(edition) => edition.download(http, installed).await?.into_iter().collect(),
            Self::Ip2Location(package) => vec![package.download()],
            Self::DbIp(edition) => edition.downloads(installed, today),
            Self::Url(location) => vec![location.download(installed)],
        })
    }

    /// Whether it is no fault that nothing newer is there although there should be.
    pub fn is_early(&self, installed: &Installed, today: NaiveDate) -> bool {
        matches!(self, Self::DbIp(_)) && installed.edition == dbip::last_month(today)
    }

    /// What a downloaded file says, judged by its first bytes, if it is an answer in words instead of a database.
    pub fn refusal(&self, first_bytes: &[u8]) -> Option<UpdateError> {
        match self {
            Self::Ip2Location(package) => package.refusal(first_bytes),
            _ => None,
        }
    }
}

/// A file name that stays in its folder.
fn file_name(key: &str, name: &str) -> Result<String, ConfigError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match name.chars().all(is_allowed) && !name.is_empty() && !name.starts_with('.') {
        true => Ok(name.to_owned()),
        false => Err(ConfigError::Name { key: key.to_owned(), name: name.to_owned() }),
    }
}

fn http_url(key: &str, text: &SecretUrl) -> Result<Url, ConfigError> {
    let url = Url::parse(text.expose()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| ConfigError::Url(key.to_owned()))
}

/// A URL below `base`.
fn below<'a>(base: &Url, path: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    // Fails only for URLs without a host, and `base` has one.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}
