//! DB-IP's free databases: one file a month, which appears some time in its first days.

use chrono::{Months, NaiveDate};
use reqwest::Url;

use super::{Download, Installed, below, file_name, http_url};
use crate::update::config::{ConfigError, DbIpConfig};
use crate::update::http::Validators;

/// One edition, such as city-lite.
#[derive(Clone)]
pub struct Edition {
    pub name: String,
    base: Url,
}

impl Edition {
    /// All that are configured.
    pub fn all(config: &DbIpConfig) -> Result<Vec<Self>, ConfigError> {
        let base = http_url("dbip.base_url", &config.base_url)?;
        let edition = |name: &String| Ok(Self { name: file_name("dbip.editions", name)?, base: base.clone() });
        config.editions.iter().map(edition).collect()
    }

    /// This month's file, and last month's in case that the new one is not there yet.
    pub fn downloads(&self, installed: Option<&Installed>, today: NaiveDate) -> Vec<Download> {
        let held = installed.and_then(|installed| installed.edition.as_deref());
        let months = [Some(month_of(today)), last_month(today)];
        let newer = months.into_iter().flatten().filter(|month| held.is_none_or(|held| month.as_str() > held));
        newer.map(|month| self.download(month)).collect()
    }

    fn download(&self, month: String) -> Download {
        let url = below(&self.base, [format!("dbip-{}-{month}.mmdb.gz", self.name).as_str()]);
        Download { url, credentials: None, validators: Validators::default(), edition: Some(month), md5: None }
    }
}

/// The month before, as in the names of the files.
pub fn last_month(today: NaiveDate) -> Option<String> {
    today.checked_sub_months(Months::new(1)).map(month_of)
}

fn month_of(day: NaiveDate) -> String {
    day.format("%Y-%m").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_month_is_tried_before_the_last_and_nothing_that_is_in_place() {
        let config = DbIpConfig { editions: vec!["city-lite".to_owned()], ..DbIpConfig::default() };
        let edition = Edition::all(&config).unwrap().remove(0);
        let months = |held: Option<&str>, today: &str| -> Vec<String> {
            let installed = Installed { edition: held.map(str::to_owned), ..Installed::default() };
            let downloads = edition.downloads(Some(&installed), today.parse().unwrap());
            downloads.into_iter().map(|download| download.edition.unwrap()).collect()
        };
        assert_eq!(months(None, "2026-11-21"), ["2026-11", "2026-10"]);
        assert_eq!(months(None, "2026-03-31"), ["2026-03", "2026-02"]);
        assert_eq!(months(Some("2025-12"), "2026-01-01"), ["2026-01"]);
        assert_eq!(months(Some("2025-11"), "2026-01-01"), ["2026-01", "2025-12"]);
        assert_eq!(months(Some("2026-01"), "2026-01-31"), Vec::<String>::new());
        let url = edition.downloads(None, "2026-11-21".parse().unwrap())[0].url.to_string();
        assert_eq!(url, "https://download.db-ip.com/free/dbip-city-lite-2026-11.mmdb.gz");
    }
}
