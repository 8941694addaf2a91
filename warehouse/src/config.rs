//! What can be set about the table and its files.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::catalog::CatalogConfig;
use crate::storage::{self, StorageConfig};

/// The Iceberg table and how its files are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The catalog that holds the table.
    pub catalog: CatalogConfig,
    /// Where the files of the table lie.
    pub storage: StorageConfig,
    /// The table's name.
    pub table: TableConfig,
    /// The data files.
    pub files: FilesConfig,
}

/// Where the table stands in the catalog: letters, digits, `_` and `-` only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// Namespace, made when missing.
    pub namespace: String,
    /// Table, made when missing.
    pub name: String,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self { namespace: "web".to_owned(), name: "page_views".to_owned() }
    }
}

/// How data files are written. Memory stays below `buffer_bytes + max_open_partitions * row_group_bytes`, roughly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilesConfig {
    /// Compression of the columns: zstd level, 1 to 22. Above 3 it costs far more time than it saves space.
    pub zstd_level: i32,
    /// Size at which a data file is closed and the next one begun, in bytes.
    pub target_file_bytes: usize,
    /// Size of a row group before compression, in bytes. Each open file keeps one in memory.
    pub row_group_bytes: usize,
    /// Rows that wait in memory before they are encoded, in bytes.
    pub buffer_bytes: usize,
    /// Partitions with an open file at the same time; the one that was idle longest is closed for the next.
    pub max_open_partitions: usize,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self {
            zstd_level: 3,
            target_file_bytes: 128 << 20,
            row_group_bytes: 16 << 20,
            buffer_bytes: 64 << 20,
            max_open_partitions: 8,
        }
    }
}

impl Config {
    /// Whether every value, and the name of the data folder, can be used. Touches no file.
    ///
    /// # Errors
    /// `Config` with the name of the first one that cannot.
    pub fn check(&self, data_folder: &Path) -> Result<(), Error> {
        storage::absolute(data_folder)?;
        self.storage.check()?;
        self.catalog.check()?;
        let plain =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let files = &self.files;
        let fault = if !plain(&self.table.namespace) {
            "table.namespace must be made of letters, digits, _ and -"
        } else if !plain(&self.table.name) {
            "table.name must be made of letters, digits, _ and -"
        } else if !(1..=22).contains(&files.zstd_level) {
            "files.zstd_level must lie between 1 and 22"
        } else if files.target_file_bytes == 0 || files.row_group_bytes == 0 {
            "files.target_file_bytes and files.row_group_bytes must not be 0"
        } else if files.max_open_partitions == 0 {
            "files.max_open_partitions must not be 0"
        } else {
            return Ok(());
        };
        Err(Error::Config(fault.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_named() {
        let fault = |config: &Config, folder: &str| config.check(Path::new(folder)).unwrap_err().to_string();
        assert!(Config::default().check(Path::new("data")).is_ok());
        assert!(fault(&Config::default(), "what?").contains("what?"));
        let mut config = Config::default();
        config.table.name = "../page views".to_owned();
        assert!(fault(&config, "data").contains("table.name"));
        let mut config = Config::default();
        config.files.zstd_level = 0;
        assert!(fault(&config, "data").contains("files.zstd_level"));
    }
}
