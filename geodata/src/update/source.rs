//! One database to fetch: where from, where to, how often.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::config::{Config, ConfigError};
use super::vendor::{Vendor, dbip, ip2location, location, maxmind};

const HOUR: Duration = Duration::from_secs(3_600);

/// A database that is kept up to date.
#[derive(Clone)]
pub struct Source {
    pub(super) name: String,
    pub(super) file: PathBuf,
    pub(super) interval: Duration,
    pub(super) quota: Quota,
    pub(super) vendor: Vendor,
}

/// How many downloads within 24 hours the vendor allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quota {
    /// Sources whose names begin so share it.
    pub scope: String,
    pub per_day: u32,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("file", &self.file).finish_non_exhaustive()
    }
}

impl Source {
    /// The vendor and its name for the database, such as `maxmind/GeoLite2-City`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the database is put.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether something newer can only be seen by downloading it.
    pub fn is_checked_by_download(&self) -> bool {
        matches!(self.vendor, Vendor::Ip2Location(_))
    }
}

impl Config {
    /// Where databases are put that are fetched with this data folder.
    pub fn folder(&self, data: &Path) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| data.join("geo"))
    }

    /// All databases to fetch, in the order in which they are used.
    ///
    /// # Errors
    /// What makes a value useless, or two sources clash.
    pub fn sources(&self, data: &Path) -> Result<Vec<Source>, ConfigError> {
        let folder = self.folder(data);
        let source = |name: String, file_name: String, hours: u32, quota: Quota, vendor| Source {
            name,
            file: folder.join(file_name),
            interval: HOUR * hours,
            quota,
            vendor,
        };
        let mut sources = Vec::new();
        for edition in maxmind::Edition::all(&self.maxmind)? {
            let quota = Quota { scope: "maxmind/".to_owned(), per_day: self.maxmind.max_downloads_per_day };
            let (name, file) = (format!("maxmind/{}", edition.name), format!("{}.mmdb", edition.name));
            sources.push(source(name, file, self.maxmind.check_interval_hours, quota, Vendor::MaxMind(edition)));
        }
        for package in ip2location::Package::all(&self.ip2location)? {
            let (name, file) = (format!("ip2location/{}", package.code), format!("{}.BIN", package.code));
            let quota = Quota { scope: name.clone(), per_day: self.ip2location.max_downloads_per_day };
            sources.push(source(
                name,
                file,
                self.ip2location.check_interval_hours,
                quota,
                Vendor::Ip2Location(package),
            ));
        }
        for edition in dbip::Edition::all(&self.dbip)? {
            let (name, file) = (format!("dbip/{}", edition.name), format!("dbip-{}.mmdb", edition.name));
            let quota = Quota { scope: name.clone(), per_day: self.dbip.max_downloads_per_day };
            sources.push(source(name, file, self.dbip.check_interval_hours, quota, Vendor::DbIp(edition)));
        }
        for (entry, config) in &self.urls {
            let location = location::Location::new(entry, config)?;
            let name = format!("url/{entry}");
            let quota = Quota { scope: name.clone(), per_day: config.max_downloads_per_day };
            let file = location.file_name.clone();
            sources.push(source(name, file, config.check_interval_hours, quota, Vendor::Url(location)));
        }
        self.check(&sources)?;
        Ok(sources)
    }

    fn check(&self, sources: &[Source]) -> Result<(), ConfigError> {
        let zeros = [
            (self.max_bytes, "max_bytes"),
            (self.connect_timeout_ms, "connect_timeout_ms"),
            (self.idle_timeout_ms, "idle_timeout_ms"),
            (self.download_timeout_ms, "download_timeout_ms"),
        ];
        if let Some((_, key)) = zeros.iter().find(|(value, _)| *value == 0) {
            return Err(ConfigError::Zero((*key).to_owned()));
        }
        let mut files = BTreeSet::new();
        for source in sources {
            if source.interval.is_zero() || source.quota.per_day == 0 {
                let key = format!("check_interval_hours and max_downloads_per_day of {}", source.name);
                return Err(ConfigError::Zero(key));
            }
            // Some file systems take names for the same that differ in case only.
            if !files.insert(source.file.to_string_lossy().to_lowercase()) {
                return Err(ConfigError::SameFile(source.file.display().to_string()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::{DbIpConfig, Ip2LocationConfig, MaxMindConfig, UrlConfig};

    fn maxmind(editions: &[&str]) -> MaxMindConfig {
        let editions = editions.iter().map(|edition| (*edition).to_owned()).collect();
        MaxMindConfig { account_id: Some(7), license_key: Some("hunter2".into()), editions, ..MaxMindConfig::default() }
    }

    fn url(url: &str) -> UrlConfig {
        UrlConfig { url: Some(url.into()), ..UrlConfig::default() }
    }

    #[test]
    fn each_database_has_a_file_of_its_own_in_the_data_folder() {
        let config = Config {
            maxmind: maxmind(&["GeoLite2-City", "GeoLite2-ASN"]),
            ip2location: Ip2LocationConfig {
                token: Some("t".into()),
                codes: vec!["DB11LITEBINIPV6".to_owned()],
                ..Ip2LocationConfig::default()
            },
            dbip: DbIpConfig { editions: vec!["city-lite".to_owned()], ..DbIpConfig::default() },
            urls: [("office".to_owned(), url("https://example.org/a.zip"))].into(),
            ..Config::default()
        };
        let sources = config.sources(Path::new("data")).unwrap();
        let files: Vec<_> = sources.iter().map(|source| (source.name(), source.file().to_str().unwrap())).collect();
        assert_eq!(
            files,
            [
                ("maxmind/GeoLite2-City", "data/geo/GeoLite2-City.mmdb"),
                ("maxmind/GeoLite2-ASN", "data/geo/GeoLite2-ASN.mmdb"),
                ("ip2location/DB11LITEBINIPV6", "data/geo/DB11LITEBINIPV6.BIN"),
                ("dbip/city-lite", "data/geo/dbip-city-lite.mmdb"),
                ("url/office", "data/geo/office.mmdb"),
            ]
        );
    }

    #[test]
    fn what_cannot_work_is_refused_without_repeating_a_secret() {
        let fault = |config: Config| config.sources(Path::new("data")).unwrap_err().to_string();
        let with_url = |location: &str| Config { urls: [("a".to_owned(), url(location))].into(), ..Config::default() };
        for (config, told) in [
            (
                Config { maxmind: MaxMindConfig { license_key: None, ..maxmind(&["A"]) }, ..Config::default() },
                "maxmind.license_key is not set",
            ),
            (Config { maxmind: maxmind(&["../up"]), ..Config::default() }, "maxmind.editions: \"../up\" must be made"),
            (Config { maxmind: maxmind(&["A", "a"]), ..Config::default() }, "would be written by two sources"),
            (Config { max_bytes: 0, ..Config::default() }, "max_bytes must be more than 0"),
            (with_url("ftp://ann:hunter2@host/x"), "urls.a.url is no http:// or https:// URL"),
            (with_url("hunter2"), "urls.a.url is no http:// or https:// URL"),
            (
                Config { urls: [("a".to_owned(), UrlConfig::default())].into(), ..Config::default() },
                "urls.a.url is not set",
            ),
        ] {
            let fault = fault(config);
            assert!(fault.contains(told) && !fault.contains("hunter2"), "{told}: {fault}");
        }
    }
}
