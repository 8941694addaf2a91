//! What a lane has handed to its sink and not yet committed.

use std::time::Duration;

use event::{LogPosition, Outcome};
use tokio::time::{Instant, sleep_until};

use crate::Batch;

/// Counts of the batches staged since the last commit.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    /// Rows that the sink was given.
    pub rows: usize,
    /// Size of the records read for them.
    pub bytes: usize,
    /// The last of the events.
    pub last: Option<LogPosition>,
    since: Option<Instant>,
    duplicates: usize,
    dead: usize,
}

impl Staged {
    /// Counts a batch of which the sink takes `rows` and has refused others before.
    pub fn add(&mut self, batch: &Batch, rows: usize, refused: usize) {
        self.since.get_or_insert_with(Instant::now);
        self.rows += rows;
        self.bytes += batch.bytes;
        self.duplicates += batch.duplicates.len();
        self.dead += batch.undecodable.len() + refused;
        if let Some(event) = batch.events.last() {
            self.last = Some(event.position.clone());
        }
    }

    /// Waits until the oldest batch is this old; for ever when nothing is staged.
    pub async fn is_due(&self, age: Duration) {
        match self.since {
            Some(since) => sleep_until(since + age).await,
            None => std::future::pending().await,
        }
    }

    /// How many events ended how, once committed.
    pub fn outcomes(&self) -> [(Outcome, usize); 3] {
        [(Outcome::Delivered, self.rows), (Outcome::Duplicate, self.duplicates), (Outcome::DeadLettered, self.dead)]
    }
}
