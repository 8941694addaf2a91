//! Bringing a table up to date that others use meanwhile.

use std::time::Duration;

use sinks::postgres::{Config, migrate};
use testkit::services::postgres::{connect, new_database};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::postgres::{LAB_TABLE, until};

/// Shorter than the statement timeout, after which a waiting statement would give up by itself.
const DEADLINE: Duration = Duration::from_secs(40);

const READ: &str = "SELECT count(*) FROM processed_events";
const AN_ALTER_WAITS: &str = "SELECT count(*) > 0 FROM pg_stat_activity
    WHERE query LIKE '%ALTER TABLE%' AND wait_event_type = 'Lock' AND datname = current_database()";

/// A transaction that has read the table and goes on.
async fn long_read(url: &str) -> Client {
    let reader = connect(url).await;
    reader.batch_execute(&format!("BEGIN; {READ}")).await.unwrap();
    reader
}

#[tokio::test]
async fn a_migration_that_waits_for_a_reader_holds_no_other_reader_up() {
    let url = new_database().await;
    let (observer, other) = (connect(&url).await, connect(&url).await);
    observer.batch_execute(LAB_TABLE).await.unwrap();
    let reader = long_read(&url).await;
    let config = Config { url: Some(url.as_str().into()), ..Config::default() };
    let (migrated, ()) = tokio::join!(migrate(&config), async {
        until(&observer, AN_ALTER_WAITS).await;
        timeout(DEADLINE, other.batch_execute(READ)).await.unwrap().unwrap();
        reader.batch_execute("COMMIT").await.unwrap();
    });
    migrated.unwrap();
    observer.batch_execute("SELECT event_id, event_name FROM processed_events").await.unwrap();
}

#[tokio::test]
async fn a_table_that_has_every_column_is_not_altered() {
    let url = new_database().await;
    let config = Config { url: Some(url.as_str().into()), ..Config::default() };
    migrate(&config).await.unwrap();
    let client = connect(&url).await;
    client.batch_execute("DELETE FROM pageberg_migrations").await.unwrap();
    let _reader = long_read(&url).await;
    timeout(DEADLINE, migrate(&config)).await.unwrap().unwrap();
    until(&client, "SELECT count(*) = 5 FROM pageberg_migrations").await;
}
