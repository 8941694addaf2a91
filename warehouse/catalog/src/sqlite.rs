//! The SQL catalog in a SQLite file.

use std::path::Path;

use iceberg_catalog_sql::SqlBindStyle;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};

use super::sql::Database;
use crate::{Config, Error};
use storage::absolute;

/// Opens or creates `catalog.sqlite` in the data folder.
pub(super) async fn open(data_folder: &Path, config: &Config<'_>) -> Result<Database, Error> {
    let folder = absolute(data_folder)?;
    create(&folder).await?;
    let sqlite = SqliteConnectOptions::new().filename(folder.join("catalog.sqlite"));
    let url = sqlite.to_url_lossy().to_string();
    // A transaction that waits for readers at its very end would fail there, where Iceberg does not look. The file
    // remembers its journal mode.
    let made = sqlite.create_if_missing(true).journal_mode(SqliteJournalMode::Wal).connect().await;
    let made = made.map_err(Error::catalog("open catalog.sqlite"))?;
    made.close().await.map_err(Error::catalog("open catalog.sqlite"))?;
    let lock = folder.join("catalog.sqlite.lock");
    Database::open(&url, SqlBindStyle::QMark, data_folder, config, Some(lock)).await
}

/// Whether there is a catalog in the data folder.
pub(super) fn exists(data_folder: &Path) -> bool {
    data_folder.join("catalog.sqlite").exists()
}

async fn create(folder: &Path) -> Result<(), Error> {
    let unusable = |error| Error::Config(format!("the data folder {} cannot be created: {error}", folder.display()));
    tokio::fs::create_dir_all(folder).await.map_err(unusable)
}
