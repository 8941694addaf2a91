//! The sink whose rows are the records that could not be decoded.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, Positions};
use eventlog::{EventLog, LogError};
use pipeline::{Batch, Pace, Sink, SinkError};

use super::rows::record_within;
use crate::publisher::Publisher;

const MAX_STAGED_BYTES: usize = 16 << 20;
/// Few records are dead letters; most commits only move the positions.
const PACE: Pace = Pace { max_events: 10_000, max_bytes: MAX_STAGED_BYTES, max_age: Duration::from_secs(1) };

/// Writes undecodable records to the dead-letter topic, each exactly once.
pub struct DeadLetterSink {
    publisher: Publisher,
    /// The longest record that the log takes, once it has refused one.
    limit: usize,
}

impl DeadLetterSink {
    /// A sink that writes to `topic` and keeps its positions as those of `group`.
    pub fn new(log: Arc<dyn EventLog>, group: &str, topic: &str) -> Self {
        Self { publisher: Publisher::new(log, group, topic), limit: usize::MAX }
    }
}

#[async_trait]
impl Sink for DeadLetterSink {
    fn name(&self) -> &str {
        "dead_letters"
    }

    fn pace(&self) -> Pace {
        PACE
    }

    fn leads(&self) -> bool {
        false
    }

    fn refuses(&self) -> bool {
        false
    }

    fn rows(&self, batch: &Batch) -> usize {
        batch.undecodable.len()
    }

    async fn resume(&mut self, topic: &str) -> Result<Positions, SinkError> {
        let positions = self.publisher.resume(topic).await;
        positions.map_err(|error| SinkError::retry("resume the dead-letter topic", error))
    }

    async fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let limit = self.limit;
        self.publisher.stage(batch.undecodable.iter().map(|letter| record_within(letter, limit)));
        Ok(())
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        self.publisher.commit(advance).await.map_err(|error| match error {
            LogError::Moved => SinkError::Moved,
            // Never `Refused`: there is no other place for a dead letter. The next attempt cuts it to size.
            LogError::TooLarge { limit, .. } => {
                self.limit = limit;
                SinkError::retry("commit to the dead-letter topic", error)
            }
            error => SinkError::retry("commit to the dead-letter topic", error),
        })
    }
}
