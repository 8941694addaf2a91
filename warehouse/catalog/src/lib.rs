//! The catalog: which metadata file is each table's current one, and the [`Change`]s that it takes.
//!
//! **Invariant:** a change happens as a whole, on the state of the table that it was computed from, or not at all.
//!
//! 1. `sqlite` and `postgres` open the SQL catalog, which is the same in both (`sql`).
//! 2. `rest` speaks to a service, in a `session` that is opened anew before its token expires.

mod change;
mod config;
mod error;
mod lock;
mod postgres;
mod request;
mod rest;
mod session;
mod sql;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use iceberg::spec::TableMetadata;
use iceberg::table::Table;
use iceberg::{ErrorKind, Runtime, TableIdent};
use storage::StorageConfig;

pub use change::Change;
pub use config::{CatalogConfig, CatalogKind, PostgresCatalogConfig, RestCatalogConfig};
pub use error::Error;
pub use lock::CommitLock;

use rest::Service;
use sql::Database;

/// The catalog's name unless it is configured. In SQL it is part of every key, so other clients must use the same.
pub const CATALOG_NAME: &str = "pageberg";

/// What a catalog is opened with.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Where it is.
    pub catalog: &'a CatalogConfig,
    /// Where the files of its tables lie.
    pub storage: &'a StorageConfig,
}

/// The catalog in use, whatever its kind.
pub struct Catalog(Kind);

enum Kind {
    Sql(Database),
    Rest(Box<Service>),
}

impl Catalog {
    /// Opens the catalog; one in a database is made when it is missing.
    pub async fn open(data_folder: &Path, config: &Config<'_>) -> Result<Self, Error> {
        Ok(Self(match config.catalog.kind {
            CatalogKind::Sqlite => Kind::Sql(sqlite::open(data_folder, config).await?),
            CatalogKind::Postgres => Kind::Sql(postgres::open(data_folder, config).await?),
            CatalogKind::Rest => Kind::Rest(Box::new(Service::new(config)?)),
        }))
    }

    /// As [`Catalog::open`], but makes no catalog: `None` when there is none in the data folder.
    pub async fn open_existing(data_folder: &Path, config: &Config<'_>) -> Result<Option<Self>, Error> {
        if Self::is_gone(data_folder, config) {
            return Ok(None);
        }
        Self::open(data_folder, config).await.map(Some)
    }

    /// The table as it is now, if there is one.
    pub async fn find(&self, table: &TableIdent) -> Result<Option<Table>, Error> {
        match self.load(table).await {
            Ok(table) => Ok(Some(table)),
            Err(Error::Refused { status: 404, .. }) => Ok(None),
            Err(Error::Iceberg { source, .. }) if is_absence(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it is a file in the data folder, that does not go on without it.
    pub fn is_in_data_folder(&self) -> bool {
        matches!(&self.0, Kind::Sql(database) if database.is_file())
    }

    /// Whether the catalog is no longer in the data folder where it was opened.
    pub fn is_gone(data_folder: &Path, config: &Config<'_>) -> bool {
        config.catalog.kind == CatalogKind::Sqlite && !sqlite::exists(data_folder)
    }

    /// Where a SQL catalog says that the table's metadata is. Reads no file.
    pub async fn metadata_location(&self, table: &TableIdent) -> Result<Option<String>, Error> {
        match &self.0 {
            Kind::Sql(database) => database.metadata_location(table).await.map_err(Error::catalog("find the table")),
            Kind::Rest(_) => Ok(None),
        }
    }

    /// That the catalog can be changed now, which another process may keep it from.
    pub async fn check_writable(&self) -> Result<(), Error> {
        match &self.0 {
            Kind::Sql(database) => database.check_writable().await.map_err(Error::catalog("lock catalog.sqlite")),
            Kind::Rest(_) => Ok(()),
        }
    }

    /// The table as it is now.
    pub async fn load(&self, table: &TableIdent) -> Result<Table, Error> {
        match &self.0 {
            Kind::Sql(database) => database.load(table).await,
            Kind::Rest(service) => service.load(table).await,
        }
    }

    /// For reading and creating, soon: a session with a service expires. Changes of a table go through `commit`.
    pub async fn iceberg(&self) -> Result<Arc<dyn iceberg::Catalog>, Error> {
        Ok(match &self.0 {
            Kind::Sql(database) => database.iceberg.clone(),
            Kind::Rest(service) => service.session().await?.iceberg.clone(),
        })
    }

    /// Lets the next request to a service open a new session, because one has failed in this one.
    pub async fn distrust(&self) {
        if let Kind::Rest(service) = &self.0 {
            service.distrust().await;
        }
    }
}

/// Whether it says that there is no such namespace or table.
pub fn is_absence(error: &iceberg::Error) -> bool {
    matches!(error.kind(), ErrorKind::TableNotFound | ErrorKind::NamespaceNotFound)
}

/// What a change of a table needs.
impl Catalog {
    /// Lets commits of other processes end first, and keeps them from beginning while it is held, where the catalog can.
    pub async fn lock(&self) -> Option<CommitLock> {
        match &self.0 {
            Kind::Sql(database) => database.lock().await,
            Kind::Rest(_) => None,
        }
    }

    /// The table as it is now, given as it was once known.
    pub async fn newest(&self, known: &Table) -> Result<Table, Error> {
        match &self.0 {
            Kind::Sql(database) => database.newest(known).await,
            Kind::Rest(service) => service.load(known.identifier()).await,
        }
    }

    /// Makes the change if `base` is still the table's current state in all that the change requires. `None` when it
    /// is not; the change has not happened then and never will.
    ///
    /// # Errors
    /// `Uncertain` when it could not be found out whether the change has happened; after any other it has not.
    pub async fn swap(&self, base: &Table, change: &Change) -> Result<Option<Table>, Error> {
        match &self.0 {
            Kind::Sql(database) => database.swap(base, change).await,
            Kind::Rest(service) => service.swap(base, change).await,
        }
    }
}

/// The table as it is after the change.
fn changed(base: &Table, location: String, metadata: TableMetadata) -> Result<Table, Error> {
    Table::builder()
        .identifier(base.identifier().clone())
        .file_io(base.file_io().clone())
        .metadata_location(location)
        .metadata(metadata)
        .runtime(Runtime::current())
        .build()
        // It has happened, so this may not be taken for a failure after which it has not.
        .map_err(|error| Error::Uncertain { source: error.into() })
}
