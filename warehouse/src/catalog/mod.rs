//! The catalog: which metadata file is each table's current one. The rest of the crate knows no more than [`Catalog`].

mod sql;
mod sqlite;

use std::path::Path;

use async_trait::async_trait;
use iceberg::TableIdent;
use iceberg::table::Table;

use crate::commit::{Change, Committer};
use crate::{Config, Error};

use sql::Database;

/// The catalog's name. It is part of every key in the catalog, so other clients must use the same.
pub const CATALOG_NAME: &str = "pageberg";

/// The catalog in use, whatever its kind.
#[derive(Debug)]
pub(crate) struct Catalog(Database);

impl Catalog {
    /// Opens the catalog, or makes it where that can be done.
    pub(crate) async fn open(data_folder: &Path, config: &Config) -> Result<Self, Error> {
        sqlite::open(data_folder, &config.storage).await.map(Self)
    }

    /// Opens the catalog if there is one, and makes nothing.
    pub(crate) async fn open_existing(data_folder: &Path, config: &Config) -> Result<Option<Self>, Error> {
        if !sqlite::exists(data_folder) {
            return Ok(None);
        }
        Self::open(data_folder, config).await.map(Some)
    }

    /// For reading and creating. Changes of a table go through [`commit`](crate::commit::commit).
    pub(crate) fn iceberg(&self) -> &dyn iceberg::Catalog {
        &self.0.iceberg
    }
}

#[async_trait]
impl Committer for Catalog {
    async fn load(&self, table: &TableIdent) -> Result<Table, Error> {
        self.iceberg().load_table(table).await.map_err(Error::iceberg("load the table"))
    }

    async fn swap(&self, base: &Table, change: &Change) -> Result<Option<Table>, Error> {
        self.0.swap(base, change).await
    }
}
