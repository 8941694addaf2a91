//! Brings the database to the layout that this version writes: the numbered files of `sql/`, each once per table.

use tokio_postgres::{Client, Transaction};

use super::config::{Config, ConfigError, Settings};
use super::connection::{self, Connection};
use super::errors::Failure;
use super::table::Table;

struct Migration {
    version: i32,
    sql: &'static str,
}

/// Every one can be applied again without harm: a table may come from elsewhere, or from a backup.
const MIGRATIONS: [Migration; 4] = [
    Migration { version: 1, sql: include_str!("../../../sql/0001_processed_events.sql") },
    Migration { version: 2, sql: include_str!("../../../sql/0002_processed_events_columns.sql") },
    Migration { version: 3, sql: include_str!("../../../sql/0003_pageberg_positions.sql") },
    Migration { version: 4, sql: include_str!("../../../sql/0004_processed_events_visit.sql") },
];

/// What was applied to which table. A table is known by its oid: one that was dropped and made anew is another table.
const RECORDS: &str = "\
    CREATE TABLE IF NOT EXISTS pageberg_migrations (\
        relation OID NOT NULL, version INTEGER NOT NULL, table_name TEXT NOT NULL, \
        applied_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (relation, version))";

/// Any number that no other program takes for a lock: "pageberg" in ASCII.
const LOCK: i64 = 0x7061_6765_6265_7267;

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Postgres cannot be reached, or refused.
    #[error(transparent)]
    Database(#[from] pipeline::SinkError),
}

/// Applies the migrations that are missing. The sink does the same on its own when it connects.
///
/// # Errors
/// `Config`, or `Database` when Postgres cannot be reached or does not let this user make the tables.
pub async fn migrate(config: &Config) -> Result<(), MigrateError> {
    let settings = Settings::of(config)?;
    Connection::open(&settings).await.map_err(|failure| failure.into_sink_error("migrate postgres"))?;
    Ok(())
}

/// The version of the server, if it can be reached as configured. Changes nothing there.
///
/// # Errors
/// `Config`, or `Database` when Postgres cannot be reached.
pub async fn reach(config: &Config) -> Result<String, MigrateError> {
    let settings = Settings::of(config)?;
    Ok(connection::version(&settings).await.map_err(|failure| failure.into_sink_error("reach postgres"))?)
}

/// Applies what is missing for `table`, whose schema is known.
pub(super) async fn apply(client: &mut Client, table: &Table) -> Result<(), Failure> {
    // Nothing else is needed, and so no right to change tables, once everything is applied.
    if is_complete(client, table).await? {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction.batch_execute(&table.localised(RECORDS)).await?;
    let applied = applied(&transaction, table).await?;
    for migration in MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)) {
        transaction.batch_execute(&table.localised(migration.sql)).await?;
        let record = "INSERT INTO pageberg_migrations (relation, version, table_name) VALUES (to_regclass($1), $2, $1)";
        transaction.execute(&table.localised(record), &[&table.sql(), &migration.version]).await?;
        tracing::info!(version = migration.version, table = table.sql(), "applied a migration to postgres");
    }
    Ok(transaction.commit().await?)
}

async fn is_complete(client: &mut Client, table: &Table) -> Result<bool, Failure> {
    let transaction = client.transaction().await?;
    let records = table.in_schema("pageberg_migrations");
    let exists: bool = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&records]).await?.get(0);
    Ok(exists && applied(&transaction, table).await?.len() == MIGRATIONS.len())
}

async fn applied(transaction: &Transaction<'_>, table: &Table) -> Result<Vec<i32>, Failure> {
    let sql = "SELECT version FROM pageberg_migrations WHERE relation = to_regclass($1)";
    let rows = transaction.query(&table.localised(sql), &[&table.sql()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
