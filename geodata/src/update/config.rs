//! What can be set about fetching databases.

use std::collections::BTreeMap;
use std::path::PathBuf;

use event::{Secret, SecretUrl};
use serde::{Deserialize, Serialize};

/// Databases to fetch, and to keep up to date, from their makers. None by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of the fetched databases. When unset: `geo` in the data folder. They are used after those of `geo.files`; one
    /// that is named there too keeps its place in that order.
    pub folder: Option<PathBuf>,
    /// Largest download, and largest database that one may unpack to, in bytes.
    pub max_bytes: u64,
    /// How long a connection may take to be made, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a server may stay silent, in milliseconds.
    pub idle_timeout_ms: u64,
    /// How long one download may take, in milliseconds.
    pub download_timeout_ms: u64,
    /// MaxMind: GeoLite2 and GeoIP2.
    pub maxmind: MaxMindConfig,
    /// IP2Location, LITE and commercial.
    pub ip2location: Ip2LocationConfig,
    /// DB-IP's free databases; no account is needed.
    pub dbip: DbIpConfig,
    /// Any other database, by a name of its own made of `a-z`, `0-9`, `-` and `_`.
    pub urls: BTreeMap<String, UrlConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            folder: None,
            max_bytes: 4 << 30,
            connect_timeout_ms: 10_000,
            idle_timeout_ms: 30_000,
            download_timeout_ms: 3_600_000,
            maxmind: MaxMindConfig::default(),
            ip2location: Ip2LocationConfig::default(),
            dbip: DbIpConfig::default(),
            urls: BTreeMap::new(),
        }
    }
}

/// Databases of MaxMind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxMindConfig {
    /// Number of the account.
    pub account_id: Option<u64>,
    /// One of the account's licence keys.
    pub license_key: Option<Secret>,
    /// Editions, such as `GeoLite2-City` and `GeoLite2-ASN`. `GeoLite2-City` becomes the file `GeoLite2-City.mmdb`.
    pub editions: Vec<String>,
    /// Where to ask, up to and without `/geoip`: MaxMind itself, or a mirror of it.
    pub base_url: SecretUrl,
    /// Hours between two looks for something newer; MaxMind publishes twice a week.
    pub check_interval_hours: u32,
    /// Most downloads within 24 hours, over all editions. MaxMind allows GeoLite accounts 30.
    pub max_downloads_per_day: u32,
}

impl Default for MaxMindConfig {
    fn default() -> Self {
        Self {
            account_id: None,
            license_key: None,
            editions: Vec::new(),
            base_url: "https://updates.maxmind.com".into(),
            check_interval_hours: 24,
            max_downloads_per_day: 30,
        }
    }
}

/// Databases of IP2Location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ip2LocationConfig {
    /// Download token of the account.
    pub token: Option<Secret>,
    /// Codes of BIN databases, such as `DB11LITEBINIPV6`, which becomes the file `DB11LITEBINIPV6.BIN`.
    pub codes: Vec<String>,
    /// Where to ask, up to and without `/download/`: IP2Location itself, or a mirror of it.
    pub base_url: SecretUrl,
    /// Hours between two downloads: whether there is something newer is only seen in the database itself. IP2Location
    /// publishes LITE twice a month.
    pub check_interval_hours: u32,
    /// Most downloads of one database within 24 hours. IP2Location allows 5.
    pub max_downloads_per_day: u32,
}

impl Default for Ip2LocationConfig {
    fn default() -> Self {
        Self {
            token: None,
            codes: Vec::new(),
            base_url: "https://www.ip2location.com".into(),
            check_interval_hours: 72,
            max_downloads_per_day: 5,
        }
    }
}

/// Free databases of DB-IP. Their licence, CC BY 4.0, asks for a link to db-ip.com wherever results are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DbIpConfig {
    /// Editions: `city-lite`, `country-lite`, `asn-lite`. `city-lite` becomes the file `dbip-city-lite.mmdb`.
    pub editions: Vec<String>,
    /// Folder of the monthly files: DB-IP's, or a mirror of it.
    pub base_url: SecretUrl,
    /// Hours between two looks for something newer; DB-IP publishes once a month.
    pub check_interval_hours: u32,
    /// Most requests for downloads of one database within 24 hours.
    pub max_downloads_per_day: u32,
}

impl Default for DbIpConfig {
    fn default() -> Self {
        Self {
            editions: Vec::new(),
            base_url: "https://download.db-ip.com/free".into(),
            check_interval_hours: 24,
            max_downloads_per_day: 5,
        }
    }
}

/// A database at any address: an MMDB or BIN file, plain or in a gzip, zip or tar.gz archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UrlConfig {
    /// Its address, http or https.
    pub url: Option<SecretUrl>,
    /// Name of its file in the folder. When unset: the name of this entry and `.mmdb`.
    pub file_name: Option<String>,
    /// Header that carries `header_secret`.
    pub header_name: String,
    /// Value of that header, sent to the host of `url` only, such as `Bearer …`.
    pub header_secret: Option<Secret>,
    /// Hours between two looks for something newer. What has not changed is not downloaded if the server knows ETag or
    /// Last-Modified.
    pub check_interval_hours: u32,
    /// Most downloads within 24 hours.
    pub max_downloads_per_day: u32,
}

impl Default for UrlConfig {
    fn default() -> Self {
        Self {
            url: None,
            file_name: None,
            header_name: "Authorization".to_owned(),
            header_secret: None,
            check_interval_hours: 24,
            max_downloads_per_day: 24,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Something that the named key needs is not set.
    #[error("{0} is not set")]
    Missing(String),
    /// A size, a time or a count is zero.
    #[error("{0} must be more than 0")]
    Zero(String),
    /// Neither http nor https, or no URL at all. The value may hold a password and is not repeated.
    #[error("{0} is no http:// or https:// URL")]
    Url(String),
    /// A header that cannot be sent.
    #[error("{0} cannot be sent as an HTTP header")]
    Header(String),
    /// A name that would not make a file in the folder.
    #[error("{key}: {name:?} must be made of letters, digits, `-`, `_` and `.`, and not begin with `.`")]
    Name {
        /// The key that holds it.
        key: String,
        /// The name.
        name: String,
    },
    /// Two sources that would overwrite each other.
    #[error("{0} would be written by two sources")]
    SameFile(String),
}
