//! The SQL catalog on a SQLite file: which metadata file is each table's current one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use iceberg::table::Table;
use iceberg::{Catalog, CatalogBuilder, ErrorKind, TableIdent};
use iceberg_catalog_sql::{SqlBindStyle, SqlCatalog, SqlCatalogBuilder};
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use crate::Error;
use crate::storage::DurableFiles;

/// The catalog's name. It is part of every key in the catalog, so other clients must use the same.
pub const CATALOG_NAME: &str = "pageberg";

/// How long a statement waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

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
        let ours = table.metadata_location_result()?;
        let current = self.metadata_location(table.identifier()).await.map_err(|error| {
            iceberg::Error::new(ErrorKind::Unexpected, "failed to query catalog.sqlite").with_source(error)
        })?;
        if current.as_deref() == Some(ours) {
            return Ok(true);
        }
        let newer = self.iceberg.load_table(table.identifier()).await?;
        Ok(newer.metadata().metadata_log().iter().any(|past| past.metadata_file == ours))
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
