//! The SQL catalog on a SQLite file: which metadata file is each table's current one.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use iceberg::table::Table;
use iceberg::{Catalog, CatalogBuilder, ErrorKind, MetadataLocation, TableIdent};
use iceberg_catalog_sql::{SqlBindStyle, SqlCatalog, SqlCatalogBuilder};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use crate::commit::{Change, Committer};
use crate::storage::DurableFiles;
use crate::{Error, files};

/// The catalog's name. It is part of every key in the catalog, so other clients must use the same.
pub const CATALOG_NAME: &str = "pageberg";

/// How long a statement waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a swap is tried whose answer was lost, and the pause between two tries.
const SWAP_ATTEMPTS: u32 = 5;
const SWAP_PAUSE: Duration = Duration::from_millis(200);

/// Characters that a reader would take as a pattern, an escape or the end of a path in a `file://` location.
const UNSAFE_IN_LOCATION: &[char] = &['%', '?', '#', '*', '[', ']', '{', '}', '\\'];

/// Iceberg's catalog, and a connection of our own to ask what it really holds.
#[derive(Debug)]
pub(crate) struct SqliteCatalog {
    pub(crate) iceberg: SqlCatalog,
    pool: SqlitePool,
}

impl SqliteCatalog {
    /// Opens or creates `catalog.sqlite` in the data folder, for tables under `warehouse` beside it.
    pub(crate) async fn open(data_folder: &Path) -> Result<Self, Error> {
        let folder = absolute(data_folder)?;
        create(&folder).await?;
        let sqlite = SqliteConnectOptions::new()
            .filename(folder.join("catalog.sqlite"))
            .create_if_missing(true)
            // A transaction that waits for readers at its very end would fail there, where Iceberg does not look.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let url = sqlite.to_url_lossy().to_string();
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(sqlite)
            .await
            .map_err(Error::catalog("open catalog.sqlite"))?;
        let iceberg = SqlCatalogBuilder::default()
            .uri(url)
            .warehouse_location(format!("file://{}/warehouse", folder.display()))
            .sql_bind_style(SqlBindStyle::QMark)
            .with_storage_factory(Arc::new(DurableFiles))
            .load(CATALOG_NAME, [].into())
            .await
            .map_err(Error::iceberg("open the catalog"))?;
        Ok(Self { iceberg, pool })
    }

    /// Whether `table`'s metadata is the current one, or was and others have committed since. Iceberg's SQL catalog
    /// reports success even when the database could not commit.
    pub(crate) async fn holds(&self, table: &Table) -> iceberg::Result<bool> {
        self.has_held(table.identifier(), table.metadata_location_result()?).await
    }

    async fn has_held(&self, table: &TableIdent, location: &str) -> iceberg::Result<bool> {
        let current = self.metadata_location(table).await.map_err(|error| {
            iceberg::Error::new(ErrorKind::Unexpected, "failed to query catalog.sqlite").with_source(error)
        })?;
        if current.as_deref() == Some(location) {
            return Ok(true);
        }
        let newer = self.iceberg.load_table(table).await?;
        Ok(newer.metadata().metadata_log().iter().any(|past| past.metadata_file == location))
    }

    async fn metadata_location(&self, table: &TableIdent) -> Result<Option<String>, sqlx::Error> {
        let query = "SELECT metadata_location FROM iceberg_tables \
                     WHERE catalog_name = ? AND table_namespace = ? AND table_name = ?";
        sqlx::query_scalar(query)
            .bind(CATALOG_NAME)
            .bind(table.namespace().join("."))
            .bind(table.name())
            .fetch_optional(&self.pool)
            .await
    }

    /// Puts the metadata file `new` in the place of `old`, if that is still the current one.
    async fn replace_location(&self, table: &TableIdent, old: &str, new: &str) -> Result<bool, sqlx::Error> {
        let update = "UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ? \
                      WHERE catalog_name = ? AND table_namespace = ? AND table_name = ? AND metadata_location = ?";
        let done = sqlx::query(update)
            .bind(new)
            .bind(old)
            .bind(CATALOG_NAME)
            .bind(table.namespace().join("."))
            .bind(table.name())
            .bind(old)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
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
                (Ok(true), Ok(false)) => lost = Some("the catalog does not hold what was committed".into()),
                (Err(error), _) => lost = Some(error.into()),
                (_, Err(error)) => lost = Some(error.into()),
            }
        }
        Err(Error::Uncertain { source: lost.unwrap_or_else(|| "no answer".into()) })
    }
}

#[async_trait]
impl Committer for SqliteCatalog {
    async fn load(&self, table: &TableIdent) -> Result<Table, Error> {
        self.iceberg.load_table(table).await.map_err(Error::iceberg("load the table"))
    }

    async fn swap(&self, base: &Table, change: &Change) -> Result<Option<Table>, Error> {
        if change.requirements.iter().any(|required| required.check(Some(base.metadata())).is_err()) {
            return Ok(None);
        }
        let (old, new) = stage(base, change).await.map_err(Error::iceberg("write the table's metadata"))?;
        let swapped = self.settle(base.identifier(), &old, &new).await?;
        if !swapped {
            files::delete([new], base.file_io()).await;
            return Ok(None);
        }
        // It has happened, so no failure from here on may be taken for one after which it has not.
        let loaded = self.load(base.identifier()).await;
        loaded.map(Some).map_err(|error| Error::Uncertain { source: error.into() })
    }
}

/// Writes the metadata that the change makes of `base`; returns the locations of the metadata before and after.
async fn stage(base: &Table, change: &Change) -> iceberg::Result<(String, String)> {
    let old = base.metadata_location_result()?.to_owned();
    let mut metadata = base.metadata().clone().into_builder(Some(old.clone()));
    for update in &change.updates {
        metadata = update.clone().apply(metadata)?;
    }
    let metadata = metadata.build()?.metadata;
    let new = MetadataLocation::from_str(&old)?.with_next_version().with_new_metadata(&metadata);
    metadata.write_to(base.file_io(), &new).await?;
    Ok((old, new.to_string()))
}

/// The data folder as the tables will name it.
pub(crate) fn absolute(folder: &Path) -> Result<PathBuf, Error> {
    let refuse = |reason: &str| Error::Config(format!("the data folder {} {reason}", folder.display()));
    let absolute = std::path::absolute(folder).map_err(|error| refuse(&format!("cannot be used: {error}")))?;
    let text = absolute.to_str().ok_or_else(|| refuse("is not UTF-8, which Iceberg's locations must be"))?;
    if let Some(odd) = text.chars().find(|c| c.is_control() || UNSAFE_IN_LOCATION.contains(c)) {
        return Err(refuse(&format!("holds the character {odd:?}, which Iceberg readers cannot open")));
    }
    Ok(absolute)
}

async fn create(folder: &Path) -> Result<(), Error> {
    let unusable = |error| Error::Config(format!("the data folder {} cannot be created: {error}", folder.display()));
    tokio::fs::create_dir_all(folder).await.map_err(unusable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_readers_could_not_open_is_refused() {
        for name in ["50%", "what?", "a#b", "*", "[x]", "a\nb"] {
            let refused = absolute(&Path::new("/nowhere").join(name)).unwrap_err().to_string();
            assert!(refused.contains("holds the character"), "{refused}");
        }
    }
}
