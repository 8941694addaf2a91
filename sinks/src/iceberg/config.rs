//! What can be set about the Iceberg table.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// How events go to the Iceberg table, and how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Age of the oldest staged event at which everything staged is committed, in milliseconds. Each commit makes a
    /// file for each day of its events: a minute is right for production.
    pub commit_interval_ms: u64,
    /// Events after which everything staged is committed.
    pub commit_events: usize,
    /// Where the files of the table lie.
    pub storage: warehouse::StorageConfig,
    /// The table's name.
    pub table: warehouse::TableConfig,
    /// The data files.
    pub files: warehouse::FilesConfig,
    /// What keeps the table small and fast to read, in the background.
    pub maintenance: warehouse::MaintenanceConfig,
    /// The catalog that readers attach to.
    pub rest: warehouse::rest::RestConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            commit_interval_ms: 10_000,
            commit_events: 1_000_000,
            storage: warehouse::StorageConfig::default(),
            table: warehouse::TableConfig::default(),
            files: warehouse::FilesConfig::default(),
            maintenance: warehouse::MaintenanceConfig::default(),
            rest: warehouse::rest::RestConfig::default(),
        }
    }
}

impl Config {
    /// Whether every value, and the name of the data folder, can be used. Touches no file.
    ///
    /// # Errors
    /// `Config` with the name of the first one that cannot.
    pub fn check(&self, data_folder: &Path) -> Result<(), warehouse::Error> {
        self.rest.check()?;
        self.maintenance.check()?;
        self.warehouse().check(data_folder)
    }

    pub fn warehouse(&self) -> warehouse::Config {
        warehouse::Config { storage: self.storage.clone(), table: self.table.clone(), files: self.files.clone() }
    }
}
