//! The SQL catalog, the same in every database: a table that names the current metadata file of each Iceberg table.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use iceberg::spec::TableMetadata;
use iceberg::table::Table;
use iceberg::{Catalog, CatalogBuilder, ErrorKind, MetadataLocation, TableIdent};
use iceberg_catalog_sql::{SQL_CATALOG_PROP_BIND_STYLE, SqlBindStyle, SqlCatalog, SqlCatalogBuilder};
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;

use super::Change;
use super::{CommitLock, changed};
use crate::{Config, Error};

/// How long a connection to the database may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The catalog's tables. Of two processes that make one at the same time, one fails in Postgres: once a table.
const TABLES: u32 = 2;

/// How often a swap is tried whose answer was lost, and the pause between two tries.
const SWAP_ATTEMPTS: u32 = 5;
const SWAP_PAUSE: Duration = Duration::from_millis(200);

/// Iceberg's catalog, and a connection of our own to change what it holds and to ask what it really holds: Iceberg's
/// SQL catalog reports success even when the database could not commit.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) iceberg: Arc<SqlCatalog>,
    name: String,
    pool: AnyPool,
    lock: Option<PathBuf>,
}

impl Database {
    /// Connects, and makes the catalog's tables when they are missing.
    pub(super) async fn open(
        url: &str,
        bind_style: SqlBindStyle,
        data_folder: &Path,
        config: &Config<'_>,
        lock: Option<PathBuf>,
    ) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let options = AnyPoolOptions::new().max_connections(1).acquire_timeout(CONNECT_TIMEOUT);
        let pool = options.connect(url).await.map_err(Error::catalog("connect to the catalog"))?;
        let mut opened = client(url, &bind_style, data_folder, config).await;
        for _made_by_another in 0..TABLES {
            if opened.is_err() {
                opened = client(url, &bind_style, data_folder, config).await;
            }
        }
        Ok(Self { iceberg: Arc::new(opened?), name: config.catalog.name.clone(), pool, lock })
    }

    /// See [`Catalog::lock`](super::Catalog::lock).
    pub(super) async fn lock(&self) -> Option<CommitLock> {
        CommitLock::acquire(self.lock.as_deref()?).await
    }

    /// Whether it is a file, which one process can lock against all others.
    pub(super) fn is_file(&self) -> bool {
        self.lock.is_some()
    }

    /// Takes a file's lock and gives it back.
    pub(super) async fn check_writable(&self) -> Result<(), sqlx::Error> {
        if self.is_file() {
            let mut connection = self.pool.acquire().await?;
            sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
            sqlx::query("ROLLBACK").execute(&mut *connection).await?;
        }
        Ok(())
    }

    pub(super) async fn load(&self, table: &TableIdent) -> Result<Table, Error> {
        self.iceberg.load_table(table).await.map_err(Error::iceberg("load the table"))
    }

    /// What a metadata file holds never changes, and takes long to read.
    pub(super) async fn newest(&self, known: &Table) -> Result<Table, Error> {
        let name = known.identifier();
        let current = self.metadata_location(name).await.map_err(Error::catalog("find the table"))?;
        let is_current = known.metadata_location() == current.as_deref();
        if is_current { Ok(known.clone()) } else { self.load(name).await }
    }

    /// See [`Catalog::swap`](super::Catalog::swap).
    pub(super) async fn swap(&self, base: &Table, change: &Change) -> Result<Option<Table>, Error> {
        if change.requirements.iter().any(|required| required.check(Some(base.metadata())).is_err()) {
            return Ok(None);
        }
        let (new, metadata) = stage(base, change).await.map_err(Error::iceberg("write the table's metadata"))?;
        let old = base.metadata_location_result().map_err(Error::iceberg("find the table's metadata"))?;
        if self.settle(base.identifier(), old, &new).await? {
            return changed(base, new, metadata).map(Some);
        }
        // What cannot be deleted stays on disk, unseen by readers.
        if let Err(error) = base.file_io().delete(&new).await {
            tracing::warn!(
                new,
                error = &error as &dyn std::error::Error,
                "an abandoned metadata file could not be deleted"
            );
        }
        Ok(None)
    }

    /// Whether `new` took the place of `old`. To try again after a lost answer does no harm: no metadata file ever
    /// becomes the current one a second time.
    async fn settle(&self, table: &TableIdent, old: &str, new: &str) -> Result<bool, Error> {
        let mut lost = None;
        for attempt in 0..SWAP_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(SWAP_PAUSE).await;
            }
            let replaced = self.replace_location(table, old, new).await;
            match (replaced, self.has_held(table, new).await) {
                (_, Ok(true)) => return Ok(true),
                (Ok(false), Ok(false)) => return Ok(false),
                (Err(error), held) if is_locked(&error) && (lost.is_none() || held.is_ok()) => {
                    return Err(Error::catalog("lock catalog.sqlite")(error));
                }
                (Ok(true), Ok(false)) => lost = Some("the catalog does not hold what was committed".into()),
                (Err(error), _) => lost = Some(error.into()),
                (_, Err(error)) => lost = Some(error.into()),
            }
        }
        Err(Error::Uncertain { source: lost.unwrap_or_else(|| "no answer".into()) })
    }

    /// Whether the metadata file is the current one, or was and others have committed since.
    async fn has_held(&self, table: &TableIdent, location: &str) -> iceberg::Result<bool> {
        let current = self.metadata_location(table).await.map_err(|error| {
            iceberg::Error::new(ErrorKind::Unexpected, "failed to query the catalog").with_source(error)
        })?;
        if current.as_deref() == Some(location) {
            return Ok(true);
        }
        let newer = self.iceberg.load_table(table).await?;
        Ok(newer.metadata().metadata_log().iter().any(|past| past.metadata_file == location))
    }

    pub(super) async fn metadata_location(&self, table: &TableIdent) -> Result<Option<String>, sqlx::Error> {
        let query = "SELECT metadata_location FROM iceberg_tables \
                     WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3";
        sqlx::query_scalar(query)
            .bind(self.name.as_str())
            .bind(table.namespace().join("."))
            .bind(table.name())
            .fetch_optional(&self.pool)
            .await
    }

    /// Puts the metadata file `new` in the place of `old`, if that is still the current one.
    async fn replace_location(&self, table: &TableIdent, old: &str, new: &str) -> Result<bool, sqlx::Error> {
        let update = "UPDATE iceberg_tables SET metadata_location = $1, previous_metadata_location = $2 \
                      WHERE catalog_name = $3 AND table_namespace = $4 AND table_name = $5 AND metadata_location = $2";
        let done = sqlx::query(update)
            .bind(new)
            .bind(old)
            .bind(self.name.as_str())
            .bind(table.namespace().join("."))
            .bind(table.name())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Whether SQLite has changed nothing because another process holds the file. Source: SQLite's result codes, SQLITE_BUSY,
/// which the lowest byte of an extended code tells.
fn is_locked(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == BUSY)
}

/// Iceberg's client. It makes the catalog's tables when they are missing.
async fn client(
    url: &str,
    bind_style: &SqlBindStyle,
    data_folder: &Path,
    config: &Config<'_>,
) -> Result<SqlCatalog, Error> {
    let builder = SqlCatalogBuilder::default()
        .uri(url)
        .warehouse_location(config.storage.warehouse(data_folder)?)
        .prop(SQL_CATALOG_PROP_BIND_STYLE, bind_style.to_string())
        .with_storage_factory(storage::factory(config.storage));
    builder.load(config.catalog.name.as_str(), [].into()).await.map_err(Error::iceberg("open the catalog"))
}

/// Writes the metadata that the change makes of `base`, in a new file; returns its location too.
async fn stage(base: &Table, change: &Change) -> iceberg::Result<(String, TableMetadata)> {
    let old = base.metadata_location_result()?;
    let mut metadata = base.metadata().clone().into_builder(Some(old.to_owned()));
    for update in &change.updates {
        metadata = update.clone().apply(metadata)?;
    }
    let metadata = metadata.build()?.metadata;
    let new = MetadataLocation::from_str(old)?.with_next_version().with_new_metadata(&metadata);
    metadata.write_to(base.file_io(), &new).await?;
    Ok((new.to_string(), metadata))
}
