//! A catalog that another process has locked, and one that is gone.

use sqlx::{Connection, Executor, SqliteConnection};
use warehouse::{Catalog, Config, Error, Table};

use lakekit::table::*;

#[tokio::test]
async fn a_catalog_that_is_locked_is_told_at_the_commit_and_at_the_opening() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    let mut writer = table.writer().unwrap();
    writer.write(vec![[bare(0)]]).await.unwrap();
    let files = writer.close().await.unwrap();
    let url = format!("sqlite://{}/catalog.sqlite", folder.path().display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();

    let refused = table.append(files, &advance(None, 1)).await.unwrap_err();
    assert!(matches!(&refused, Error::Catalog { source, .. } if source.to_string().contains("locked")), "{refused:?}");
    assert!(data_files(folder.path()).is_empty(), "it is certain that nothing has happened");
    let refused = Table::open(folder.path(), &Config::default()).await.err().unwrap();
    assert!(refused.to_string().contains("lock catalog.sqlite"), "{refused:?}");

    other.execute("ROLLBACK").await.unwrap();
    deliver(&mut open(folder.path()).await, &[bare(0)]).await;
    assert!(!Catalog::is_gone(folder.path(), &Config::default().of_catalog()));
}
