//! How a table stands, read from its metadata and manifests beside whoever writes it. Nothing is changed or created.
//!
//! 1. [`Table::open_existing`] loads the table, one state of which everything below is told.
//! 2. [`Table::vitals`] tells what the metadata alone knows; it is cheap enough for every commit.
//! 3. [`Table::files`] reads the manifests; `partitions` and `status` sum them up.
//! 4. `snapshots` and `history` tell how the table came to be as it is.

mod files;
mod history;
mod partitions;
mod snapshots;
mod status;
mod vitals;

pub use files::DataFileStatus;
pub use history::{HistoryEntry, MetadataLogEntry};
pub use partitions::{Limits, PartitionStatus, partitions};
pub use snapshots::{Reference, SnapshotStatus};
pub use status::{SmallFiles, TableStatus};
pub use vitals::Vitals;

use std::path::Path;

use event::Timestamp;
use iceberg::TableIdent;
use serde::Serializer;

use crate::{Config, Error, Table};
use catalog::Catalog;

impl Table {
    /// Opens the table as [`Table::open`] does, but makes and changes nothing.
    ///
    /// # Errors
    /// `NoTable` when there is none; else as [`Table::open`].
    pub async fn open_existing(data_folder: &Path, config: &Config) -> Result<Self, Error> {
        config.check(data_folder)?;
        let name = TableIdent::from_strs([&config.table.namespace, &config.table.name])
            .map_err(Error::iceberg("name the table"))?;
        let none = || Error::NoTable { name: name.to_string() };
        let catalog = Catalog::open_existing(data_folder, &config.of_catalog()).await?.ok_or_else(none)?;
        let table = catalog.find(&name).await?.ok_or_else(none)?;
        Ok(Self { catalog, table, config: config.clone() })
    }
}

/// A time as JSON has it: ISO 8601, null where it is unknown.
fn iso<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

/// Milliseconds since 1970 as a time; `None` where pageberg could not hold it.
fn at_millis(millis: i64) -> Option<Timestamp> {
    Timestamp::from_micros(millis.checked_mul(1000)?).ok()
}
