//! The sink: the only place where rows and positions meet in a transaction.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use event::{Advance, Positions};
use futures::SinkExt;
use pipeline::{Batch, Pace, Sink, SinkError};
use tokio_postgres::IsolationLevel;

use super::config::{Config, ConfigError, Settings};
use super::connection::{Connection, within};
use super::errors::Failure;
use super::positions;
use super::rows::Rows;

/// Writes events to a table of Postgres.
pub struct PostgresSink {
    settings: Settings,
    consumer: String,
    pace: Pace,
    staged: Rows,
    connection: Option<Connection>,
}

impl PostgresSink {
    /// A sink that keeps its positions under the name `consumer`, which no other pipeline in the same schema may have.
    /// Connects when it is resumed.
    ///
    /// # Errors
    /// A configuration that can never work.
    pub fn new(config: &Config, consumer: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: Settings::of(config)?,
            consumer: consumer.to_owned(),
            pace: Pace {
                max_events: config.max_batch_events,
                max_bytes: config.max_batch_bytes,
                max_age: Duration::from_millis(config.max_batch_age_ms),
            },
            staged: Rows::default(),
            connection: None,
        })
    }

    async fn load(&mut self, topic: &str) -> Result<Positions, Failure> {
        let usable = self.connection.take().filter(|connection| !connection.is_closed());
        let mut connection = match usable {
            Some(connection) => connection,
            None => Connection::open(&self.settings).await?,
        };
        let load = load(&mut connection, &self.consumer, topic);
        let positions = within(self.settings.statement_timeout, load).await?;
        self.connection = Some(connection);
        Ok(positions)
    }
}

#[async_trait]
impl Sink for PostgresSink {
    fn name(&self) -> &str {
        "postgres"
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    async fn resume(&mut self, topic: &str) -> Result<Positions, SinkError> {
        self.staged = Rows::default();
        self.load(topic).await.map_err(|failure| failure.into_sink_error("resume postgres"))
    }

    async fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        batch.events.iter().for_each(|event| self.staged.push(event));
        Ok(())
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        const ATTEMPT: &str = "commit to postgres";
        let rows = mem::take(&mut self.staged);
        // Taken out, so that a commit that is dropped half-way takes its connection with it.
        let taken = self.connection.take().ok_or(Failure::NotResumed);
        let mut connection = taken.map_err(|failure| failure.into_sink_error(ATTEMPT))?;
        let commit = commit(&mut connection, &self.consumer, rows, advance);
        let outcome = within(self.settings.statement_timeout, commit).await;
        let outcome = outcome.map_err(|failure| failure.into_commit_error(ATTEMPT));
        if !matches!(outcome, Err(SinkError::Retry { .. })) {
            self.connection = Some(connection);
        }
        outcome
    }
}

async fn load(connection: &mut Connection, consumer: &str, topic: &str) -> Result<Positions, Failure> {
    let table = connection.table.clone();
    let transaction = connection.transaction(IsolationLevel::ReadCommitted).await?;
    let positions = positions::load(&transaction, &table, consumer, topic).await?;
    transaction.commit().await?;
    Ok(positions)
}

/// Rows and positions in one transaction. Positions last: their lock is what other writers wait for, and a process that
/// hangs while it copies must not hold it. Whatever fails, the transaction is rolled back when it is dropped.
async fn commit(connection: &mut Connection, consumer: &str, rows: Rows, advance: &Advance) -> Result<(), Failure> {
    let (table, copy) = (connection.table.clone(), connection.copy.clone());
    // Read committed, whatever the server's default: a second writer must see what the first has committed.
    let transaction = connection.transaction(IsolationLevel::ReadCommitted).await?;
    if rows.count() > 0 {
        let copy = transaction.prepare(&copy).await?;
        let mut copying = Box::pin(transaction.copy_in::<_, Bytes>(&copy).await?);
        for piece in rows.finish() {
            copying.send(piece).await?;
        }
        copying.as_mut().finish().await?;
    }
    positions::advance(&transaction, &table, consumer, advance).await?;
    Ok(transaction.commit().await?)
}
