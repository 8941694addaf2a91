//! What can be set about the table and its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::CatalogConfig;
use iceberg::spec::NestedField;
use serde::{Deserialize, Serialize};

use crate::layout::PartitionBy;
use crate::property::PropertyColumn;
use crate::{Error, schema};
use storage::StorageConfig;

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

/// Where the table stands in the catalog, in letters, digits, `_` and `-` only; and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableConfig {
    /// Namespace, made when missing.
    pub namespace: String,
    /// Table, made when missing.
    pub name: String,
    /// What its files are partitioned by, from the outermost folder on: `year(column)`, `month(column)`, `day(column)`,
    /// `hour(column)`, `identity(column)` or the bare column, `bucket(buckets, column)` and `truncate(width, column)`, of
    /// any column, `geo.country` as well; empty for a table without partitions. Unset, a new table is partitioned by
    /// `day(event_timestamp)`, and one that is there is written as it is partitioned by now. Set, the table must be
    /// partitioned so: one that holds rows is refused otherwise.
    pub partition_by: Option<Vec<String>>,
    /// Columns made of properties, the table's beside pageberg's own: name and type (`string`, `long`, `double`,
    /// `boolean`), or type and key where that differs, as in `price = "double(props.price)"`; null where an event has
    /// nothing there or something of another type. A new one is added to the table at the next start, and old rows are
    /// null. One that is left out again stays in the table and is null from then on.
    pub property_columns: BTreeMap<String, String>,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            namespace: "web".to_owned(),
            name: "page_views".to_owned(),
            partition_by: None,
            property_columns: BTreeMap::new(),
        }
    }
}

/// How data files are written. Rows are sorted by site, host and time: those that wait together, and all of a file once it
/// is compacted. Memory stays below three times `buffer_bytes` and `row_group_bytes` for each of `open_files` and three
/// more, roughly, however many partitions there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilesConfig {
    /// Compression of the columns: zstd level, 1 to 22. Above 3 it costs far more time than it saves space.
    pub zstd_level: i32,
    /// Size at which a data file is closed and the next one begun, in bytes.
    pub target_file_bytes: usize,
    /// Size of a row group before compression, in bytes. One is in memory.
    pub row_group_bytes: usize,
    /// Rows of a row group at most.
    pub row_group_rows: usize,
    /// Columns with a bloom filter in each row group, by which readers pass over files without the value that they look
    /// for: worth its one byte and a half a row for what is looked for one by one and seldom repeated.
    pub bloom_filter_columns: Vec<String>,
    /// Events that wait in memory to be sorted together, in bytes; so much again waits of rows that have no open file. When
    /// there are more of these they go to a temporary file, to be merged into data files at the commit.
    pub buffer_bytes: usize,
    /// Partitions in each commit whose rows are encoded into an open file as they come. Those of further partitions, as in
    /// a backfill over many days, wait and are sorted until the commit: that takes less memory, and more time.
    pub open_files: usize,
    /// Size of the temporary files together, in bytes, at which data files are completed before the commit is due.
    pub spill_bytes: usize,
    /// Folder of the temporary files, which have no names and are gone with the process; the data folder when empty.
    pub spill_folder: PathBuf,
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self {
            zstd_level: 1,
            target_file_bytes: 128 << 20,
            row_group_bytes: 16 << 20,
            row_group_rows: 128 << 10,
            bloom_filter_columns: vec!["event_id".to_owned()],
            buffer_bytes: 32 << 20,
            open_files: 8,
            spill_bytes: 2 << 30,
            spill_folder: PathBuf::new(),
        }
    }
}

impl Config {
    /// What of it the catalog needs.
    pub fn of_catalog(&self) -> catalog::Config<'_> {
        catalog::Config { catalog: &self.catalog, storage: &self.storage }
    }

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
        } else if files.target_file_bytes == 0 || files.row_group_bytes == 0 || files.row_group_rows == 0 {
            "files.target_file_bytes, files.row_group_bytes and files.row_group_rows must not be 0"
        } else {
            return self.check_columns();
        };
        Err(Error::Config(fault.to_owned()))
    }

    /// Whether the columns that are named are there, in a table that nobody has changed.
    fn check_columns(&self) -> Result<(), Error> {
        let own = schema::page_views()?;
        let properties = PropertyColumn::parse(&self.table.property_columns)?;
        let next = own.highest_field_id() + 1;
        let properties = properties.iter().zip(next..).map(|(column, id)| {
            let field = column.field();
            Arc::new(NestedField { id, ..field.as_ref().clone() })
        });
        let all = own.into_builder().with_fields(properties).build().map_err(Error::iceberg("build the schema"))?;
        if let Some(partition_by) = &self.table.partition_by {
            PartitionBy::parse(partition_by)?.spec(&all)?;
        }
        let blooms = &self.files.bloom_filter_columns;
        match blooms
            .iter()
            .find(|column| !all.field_by_name(column).is_some_and(|field| field.field_type.is_primitive()))
        {
            Some(unknown) => {
                Err(Error::Config(format!("files.bloom_filter_columns: the table has no column {unknown}")))
            }
            None => Ok(()),
        }
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
