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
    /// The catalog that holds the table.
    pub catalog: warehouse::CatalogConfig,
    /// Where the files of the table lie.
    pub storage: warehouse::StorageConfig,
    /// The table's name.
    pub table: warehouse::TableConfig,
    /// The data files.
    pub files: warehouse::FilesConfig,
    /// The table of dead letters.
    pub dead_letters: DeadLettersConfig,
    /// What keeps the table small and fast to read, in the background.
    pub maintenance: warehouse::MaintenanceConfig,
    /// The catalog that readers attach to.
    pub rest: attach::RestConfig,
}

/// An Iceberg table of the records that could not be decoded or delivered, with their bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeadLettersConfig {
    /// Whether dead letters are written there, too. They are kept on their topic in any case, and replayed from it.
    pub enabled: bool,
    /// The table's name, in the namespace of `table.namespace`: letters, digits, `_` and `-` only. Made when missing.
    pub name: String,
}

impl Default for DeadLettersConfig {
    fn default() -> Self {
        Self { enabled: false, name: "dead_letters".to_owned() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            commit_interval_ms: 10_000,
            commit_events: 1_000_000,
            catalog: warehouse::CatalogConfig::default(),
            storage: warehouse::StorageConfig::default(),
            table: warehouse::TableConfig::default(),
            files: warehouse::FilesConfig::default(),
            dead_letters: DeadLettersConfig::default(),
            maintenance: warehouse::MaintenanceConfig::default(),
            rest: attach::RestConfig::default(),
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
        self.warehouse().check(data_folder)?;
        if self.dead_letters.name == self.table.name || self.dead_letters_warehouse().check(data_folder).is_err() {
            let fault = "dead_letters.name must be made of letters, digits, _ and -, and not be table.name";
            return Err(warehouse::Error::Config(fault.to_owned()));
        }
        Ok(())
    }

    /// Whether the data folder may write its Iceberg tables: a copy of another folder may not. Changes nothing.
    ///
    /// # Errors
    /// `DataFolder` with a sentence that says what to do; others when the catalog cannot be read.
    pub async fn check_data_folder(&self, data_folder: &Path) -> Result<(), warehouse::Error> {
        warehouse::check_data_folder(data_folder, &self.warehouse()).await?;
        warehouse::check_data_folder(data_folder, &self.dead_letters_warehouse()).await
    }

    /// What the crate `warehouse` is to know.
    pub fn warehouse(&self) -> warehouse::Config {
        warehouse::Config {
            catalog: self.catalog.clone(),
            storage: self.storage.clone(),
            table: self.table.clone(),
            files: self.files.clone(),
        }
    }

    /// The same for the table of dead letters.
    pub(crate) fn dead_letters_warehouse(&self) -> warehouse::Config {
        let (namespace, name) = (self.table.namespace.clone(), self.dead_letters.name.clone());
        let table = warehouse::TableConfig { namespace, name, ..warehouse::TableConfig::default() };
        warehouse::Config { table, ..self.warehouse() }
    }
}
