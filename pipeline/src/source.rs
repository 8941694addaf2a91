//! Reads the log from given positions on and turns it into batches.

use std::sync::Arc;

use event::Positions;
use eventlog::{EventLog, LogError, Reader};
use geodata::LiveDatabase;

use crate::Batch;
use crate::config::Config;
use crate::enrich::{Contents, Enricher};

/// What every reader of the log needs.
#[derive(Clone)]
pub(crate) struct Origin {
    pub log: Arc<dyn EventLog>,
    pub topic: Arc<str>,
    pub contents: Contents,
    pub geo: Arc<LiveDatabase>,
    pub config: Arc<Config>,
}

/// A reader of the log that decodes and enriches.
pub(crate) struct Source {
    reader: Box<dyn Reader>,
    enricher: Enricher,
    from: Positions,
    batch_bytes: usize,
}

impl Source {
    /// Starts at `from`, having read as much before it as the duplicate window needs.
    pub async fn start(origin: &Origin, from: &Positions) -> Result<Self, LogError> {
        let window = i64::try_from(origin.config.duplicate_window_records).unwrap_or(i64::MAX);
        let mut warm = Positions::default();
        for (partition, first) in from.iter() {
            let held = origin.log.bounds(&origin.topic, partition).await?;
            if first < held.start || first > held.end {
                return Err(LogError::OutOfRange { partition, requested: first, held });
            }
            warm.set(partition, first.saturating_sub(window).max(held.start));
        }
        let mut reader = origin.log.reader(&origin.topic).await?;
        reader.assign(&warm).await?;
        Ok(Self {
            reader,
            enricher: Enricher::new(origin.topic.clone(), origin.geo.clone(), &origin.config).of(origin.contents),
            from: from.clone(),
            batch_bytes: origin.config.batch_bytes,
        })
    }

    /// The next batch that covers anything; waits for it. May be dropped while it waits.
    pub async fn next(&mut self) -> Result<Batch, LogError> {
        loop {
            let records = self.reader.next(self.batch_bytes).await?;
            let batch = self.enricher.batch(&records, &self.from);
            if !batch.covers.is_empty() {
                return Ok(batch);
            }
        }
    }
}
