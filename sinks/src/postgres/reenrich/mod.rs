//! Looking places up again: the rows of a time range get the places that today's geo database tells, all else stays.
//!
//! 1. `pages` reads the rows of the range, some thousands at a time: by an index on `event_timestamp` where there is
//!    one, else block after block.
//! 2. Rows that another database was asked for are updated (`update`) in the transaction that read them, found by
//!    their place in the table, so that rows without an `event_id` can be, too.
//!
//! How far it has come is nowhere but in the rows: each tells which database was asked for it. So it can be ended and
//! begun again at any instant. Rows that are inserted while it runs may be looked up or not.

mod pages;
mod update;

use std::time::{Duration, Instant};

use event::{Reenriched, Reenrichment, Relocated, Verdict, Verdicts};
use pipeline::SinkError;
use tokio_postgres::IsolationLevel;

use super::config::{Config, ConfigError, Settings};
use super::connection::{Connection, within};
use super::errors::Failure;
use pages::{Leaf, Pages, StoredRow};

const ATTEMPT: &str = "look places up again in postgres";

/// How often the same rows are tried before it ends, and the pause before the second time; it grows with each.
const MAX_TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// Why the places could not be looked up again.
#[derive(Debug, thiserror::Error)]
pub enum ReenrichError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Postgres cannot be reached, or refused.
    #[error(transparent)]
    Database(#[from] SinkError),
}

/// Looks the places of a time range up again. It works in short transactions and pauses after each as long as that
/// took, so that others have half of the time.
///
/// # Errors
/// `Config`, or `Database` when Postgres failed several times in a row. What was committed stays; running it again
/// does the rest.
pub async fn reenrich(config: &Config, asked: Reenrichment<'_>) -> Result<Reenriched, ReenrichError> {
    let settings = Settings::of(config)?;
    let connection = Connection::open(&settings).await.map_err(|failure| failure.into_sink_error(ATTEMPT))?;
    let (connection, total, beginning) = (Some(connection), Reenriched::default(), String::new());
    let mut run = Run { settings, connection, asked, total, beginning };
    Ok(run.all().await.map_err(|failure| failure.into_sink_error(ATTEMPT))?)
}

struct Run<'a> {
    settings: Settings,
    connection: Option<Connection>,
    asked: Reenrichment<'a>,
    total: Reenriched,
    beginning: String,
}

/// What a transaction has done.
struct Done {
    rows: Verdicts,
    next: Pages,
    parts: u64,
}

impl Run<'_> {
    async fn all(&mut self) -> Result<Reenriched, Failure> {
        let mut connection = self.connection().await?;
        let leaves = Leaf::all(&mut connection).await?;
        self.beginning = pages::next_transaction(&mut connection).await?;
        self.connection = Some(connection);
        self.total.parts = leaves.iter().map(Leaf::parts).sum();
        for leaf in &leaves {
            let mut pages = Pages::of(leaf);
            while !pages.is_end() {
                let began = Instant::now();
                let done = self.step(leaf, &pages).await?;
                self.total.rows.add(&done.rows);
                self.total.parts_done += done.parts;
                pages = done.next;
                if (self.asked.watch)(&self.total).is_break() {
                    return Ok(self.total);
                }
                if done.rows.changed > 0 {
                    tokio::time::sleep(began.elapsed()).await;
                }
            }
        }
        Ok(self.total)
    }

    /// One transaction, tried again when it fails: nothing was changed then, or all, which shows in the rows.
    async fn step(&mut self, leaf: &Leaf, pages: &Pages) -> Result<Done, Failure> {
        let mut tries = 1;
        loop {
            match self.try_step(leaf, pages).await {
                Ok(done) => return Ok(done),
                Err(failure) if tries == MAX_TRIES => return Err(failure),
                Err(failure) => {
                    tracing::debug!(error = &failure as &dyn std::error::Error, "trying the same rows again");
                    tokio::time::sleep(PAUSE * tries).await;
                    tries += 1;
                }
            }
        }
    }

    async fn try_step(&mut self, leaf: &Leaf, pages: &Pages) -> Result<Done, Failure> {
        // Taken out, so that a transaction that failed takes its connection with it.
        let mut connection = self.connection().await?;
        let limit = self.settings.statement_timeout;
        let transaction = transaction(&mut connection, leaf, pages, &mut self.asked, &self.beginning);
        let done = within(limit, transaction).await?;
        self.connection = Some(connection);
        Ok(done)
    }

    async fn connection(&mut self) -> Result<Connection, Failure> {
        match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => Ok(connection),
            None => Connection::open(&self.settings).await,
        }
    }
}

/// Reads the next rows and updates those that change. One snapshot for both, so that a row's place stays its own: a
/// row that somebody else changed in between fails the transaction.
async fn transaction(
    connection: &mut Connection,
    leaf: &Leaf,
    pages: &Pages,
    asked: &mut Reenrichment<'_>,
    beginning: &str,
) -> Result<Done, Failure> {
    let transaction = connection.transaction(IsolationLevel::RepeatableRead).await?;
    let (rows, next) = pages.read(&transaction, leaf, &asked.range, beginning).await?;
    let mut verdicts = Verdicts::default();
    let mut changes: Vec<(&StoredRow, Relocated)> = Vec::new();
    for row in &rows {
        let verdict = Verdict::on(row.ip.as_deref(), row.geo_database.as_deref(), asked.locate);
        // A row that was changed a moment ago may be met again at its new place.
        if !(row.is_new && verdict == Verdict::Current) {
            verdicts.count(&verdict);
        }
        if let Verdict::Changed(today) = verdict {
            changes.push((row, today));
        }
    }
    if !changes.is_empty() && !asked.dry_run {
        update::update(&transaction, leaf, &changes).await?;
    }
    transaction.commit().await?;
    Ok(Done { rows: verdicts, parts: next.parts_since(pages), next })
}
