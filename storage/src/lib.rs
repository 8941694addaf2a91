//! Where the files of Iceberg tables lie, by the scheme of their location: on local disk or in a cloud's store.
//!
//! 1. [`factory`] makes the storage of every table (`locations`), with the properties that its catalog gives along
//!    (`vended`).
//! 2. A location's scheme (`location`) sends it to local files (`local`) or to the store of its bucket (`stores`), which is
//!    opened once.
//! 3. `object` reads and writes there, large files in parts.
//! 4. [`listing`] finds what lies under a location, named by a snapshot or not.
//!
//! **Invariant:** a file appears under its name only when it is whole and durable, and never changes.
//! **Invariant:** a table is read wherever its locations point; where new files go is the catalog's to say.

mod config;
mod error;
mod listing;
mod local;
mod location;
mod locations;
mod object;
mod stores;
mod vended;

use std::sync::Arc;

use iceberg::io::{FileIO, StorageFactory};

pub use config::{AzConfig, GsConfig, S3Config, StorageConfig};
pub use error::Error;
pub use listing::{Listed, Listing};
pub use location::{absolute, plain};

use locations::{Factory, Locations};

/// What makes the storage of tables, of whatever scheme their locations are.
pub fn factory(config: &StorageConfig) -> Arc<dyn StorageFactory> {
    Arc::new(Factory::new(config.clone()))
}

/// What lists the files of a table, by the settings and with the properties that its catalog gave for `files`.
pub fn listing(config: &StorageConfig, files: &FileIO) -> Arc<dyn Listing> {
    Arc::new(Locations::new(vended::over(config, files.config())))
}
