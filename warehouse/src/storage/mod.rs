//! Where the table's files lie, by the scheme of their location: on local disk (`local`) or in a cloud's store.
//!
//! **Invariant:** a file appears under its name only when it is whole and durable, and never changes.

mod config;
mod local;
mod location;

pub use config::{AzConfig, GsConfig, S3Config, StorageConfig};
pub(crate) use local::{DurableFiles, on_file, path_of};
pub(crate) use location::{absolute, plain};

use std::sync::Arc;

use iceberg::io::StorageFactory;

/// What makes the storage of tables: of any scheme, whatever the warehouse's own is.
pub(crate) fn factory(_config: &StorageConfig) -> Arc<dyn StorageFactory> {
    Arc::new(DurableFiles)
}
