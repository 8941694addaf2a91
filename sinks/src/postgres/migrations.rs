//! Brings the database to the layout that this version writes: the numbered files of `sql/`, each once per table.

use std::time::Duration;

use event::Positions;
use tokio_postgres::{IsolationLevel, Transaction};

use super::config::{Config, ConfigError, Settings};
use super::connection::{self, Connection};
use super::errors::Failure;
use super::table::Table;

struct Migration {
    version: i32,
    sql: &'static str,
}

/// Every one can be applied again without harm: a table may come from elsewhere, or from a backup.
const MIGRATIONS: [Migration; 5] = [
    Migration { version: 1, sql: include_str!("../../../sql/0001_processed_events.sql") },
    Migration { version: 2, sql: include_str!("../../../sql/0002_processed_events_columns.sql") },
    Migration { version: 3, sql: include_str!("../../../sql/0003_pageberg_positions.sql") },
    Migration { version: 4, sql: include_str!("../../../sql/0004_processed_events_visit.sql") },
    Migration { version: 5, sql: include_str!("../../../sql/0005_pageberg_positions_last_record.sql") },
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

/// Where the sink named `consumer` stands in `topic`; nowhere before its first start. Changes nothing there.
///
/// # Errors
/// `Config`, or `Database` when Postgres cannot be reached.
pub async fn stored_positions(config: &Config, consumer: &str, topic: &str) -> Result<Positions, MigrateError> {
    let settings = Settings::of(config)?;
    let stored = connection::stored_positions(&settings, consumer, topic).await;
    Ok(stored.map_err(|failure| failure.into_sink_error("ask postgres for the positions"))?)
}

/// How long a change of the table may wait for others to let go of it. All who come after it wait as long.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '1s'";

/// How often that is tried, and the pause between: time for those who came after it.
const MAX_TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// Applies what is missing for the connection's table, whose schema is known.
pub(super) async fn apply(connection: &mut Connection) -> Result<(), Failure> {
    let mut tries = 1;
    loop {
        match try_to_apply(connection).await {
            Err(failure) if failure.is_others_turn() && tries < MAX_TRIES => {
                tracing::info!(
                    table = connection.table.sql(),
                    "others use the table; trying again to bring it up to date"
                );
                tokio::time::sleep(PAUSE).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn try_to_apply(connection: &mut Connection) -> Result<(), Failure> {
    let table = connection.table.clone();
    let transaction = connection.transaction(IsolationLevel::ReadCommitted).await?;
    // Nothing else is needed, and so no right to change tables, once everything is applied.
    if is_complete(&transaction, &table).await? {
        return Ok(transaction.commit().await?);
    }
    transaction.batch_execute(LOCK_TIMEOUT).await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction.batch_execute(&table.localised(RECORDS)).await?;
    let applied = applied(&transaction, &table).await?;
    for migration in MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)) {
        if migration.changes(&columns(&transaction, &table).await?) {
            transaction.batch_execute(&table.localised(migration.sql)).await?;
            tracing::info!(version = migration.version, table = table.sql(), "applied a migration to postgres");
        }
        let record = "INSERT INTO pageberg_migrations (relation, version, table_name) VALUES (to_regclass($1), $2, $1)";
        transaction.execute(&table.localised(record), &[&table.sql(), &migration.version]).await?;
    }
    Ok(transaction.commit().await?)
}

impl Migration {
    /// Whether it does anything to a table that has these columns. One that adds columns takes a lock even when all of them
    /// are there already.
    fn changes(&self, columns: &[String]) -> bool {
        let mut added = self.sql.split("ADD COLUMN IF NOT EXISTS ").skip(1).peekable();
        let is_there = |rest: &str| columns.iter().any(|column| rest.split_whitespace().next() == Some(column));
        added.peek().is_none() || !added.all(is_there)
    }
}

async fn columns(transaction: &Transaction<'_>, table: &Table) -> Result<Vec<String>, Failure> {
    let sql = "SELECT attname::text FROM pg_attribute \
        WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
    let rows = transaction.query(sql, &[&table.sql()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn is_complete(transaction: &Transaction<'_>, table: &Table) -> Result<bool, Failure> {
    let records = table.in_schema("pageberg_migrations");
    let exists: bool = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&records]).await?.get(0);
    Ok(exists && applied(transaction, table).await?.len() == MIGRATIONS.len())
}

async fn applied(transaction: &Transaction<'_>, table: &Table) -> Result<Vec<i32>, Failure> {
    let sql = "SELECT version FROM pageberg_migrations WHERE relation = to_regclass($1)";
    let rows = transaction.query(&table.localised(sql), &[&table.sql()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_that_adds_columns_does_nothing_to_a_table_that_has_them() {
        let visit = ["event_name", "site", "browser", "browser_version", "os", "os_version", "device", "is_bot"];
        let campaign = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "click_id"];
        let mut columns: Vec<String> = ["referrer_host", "channel"].map(str::to_owned).into();
        columns.extend(visit.iter().chain(&campaign).map(|name| (*name).to_owned()));
        let changes = |columns: &[String]| MIGRATIONS.each_ref().map(|migration| migration.changes(columns));
        assert_eq!(changes(&columns), [true, true, true, false, true]);
        columns.pop();
        assert_eq!(changes(&columns), [true; 5]);
    }
}
