//! The sink: stages records and publishes them with the positions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, Positions};
use eventlog::{EventLog, LogError};
use pipeline::{Batch, Pace, Sink, SinkError};

use super::{Config, rows};
use crate::publisher::Publisher;

/// Writes events to a topic of the log.
pub struct KafkaSink {
    publisher: Publisher,
    pace: Pace,
}

impl KafkaSink {
    /// A sink that writes to the topic `output` and keeps its positions as those of `group`.
    pub fn new(log: Arc<dyn EventLog>, group: &str, output: &str, config: &Config) -> Self {
        let max_age = Duration::from_millis(config.max_batch_age_ms);
        let pace = Pace { max_events: config.max_batch_events, max_bytes: config.max_batch_bytes, max_age };
        Self { publisher: Publisher::new(log, group, output), pace }
    }
}

#[async_trait]
impl Sink for KafkaSink {
    fn name(&self) -> &str {
        "kafka"
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    async fn resume(&mut self, topic: &str) -> Result<Positions, SinkError> {
        self.publisher.resume(topic).await.map_err(|error| sink_error("resume the downstream topic", error))
    }

    async fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.publisher.stage(batch.events.iter().map(rows::record));
        Ok(())
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        self.publisher.commit(advance).await.map_err(|error| sink_error("commit to the downstream topic", error))
    }
}

fn sink_error(attempt: &str, error: LogError) -> SinkError {
    match error {
        LogError::Moved => SinkError::Moved,
        LogError::TooLarge { .. } => SinkError::Refused { reason: error.to_string() },
        error => SinkError::retry(attempt, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_record_too_large_is_the_record_s_fault() {
        let verdict = |error| sink_error("commit", error);
        assert!(matches!(verdict(LogError::Moved), SinkError::Moved));
        assert!(matches!(verdict(LogError::TooLarge { bytes: 2, limit: 1 }), SinkError::Refused { .. }));
        for error in [
            LogError::Busy,
            LogError::Unavailable { reason: "the broker is away".to_owned() },
            LogError::Full { reason: "the disk is full".to_owned() },
            LogError::UnknownTopic("raw".to_owned()),
            LogError::Damaged("segment 0".to_owned()),
        ] {
            assert!(matches!(verdict(error), SinkError::Retry { .. }));
        }
    }
}
