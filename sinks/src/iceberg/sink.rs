//! The sink: stages data files and publishes them with the positions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, Enriched, Positions};
use pipeline::{Batch, Pace, Sink, SinkError};

use super::Config;
use super::lake::{Kind, Lake, sink_error};
use super::received::Received;

/// Writes events to the table `page_views`.
pub struct IcebergSink {
    pace: Pace,
    buffer_bytes: usize,
    lake: Lake,
    received: Received,
    waiting: Waiting,
}

/// What is to be sorted together.
#[derive(Default)]
struct Waiting {
    batches: Vec<Events>,
    bytes: usize,
}

struct Events(Arc<Batch>);

impl AsRef<[Enriched]> for Events {
    fn as_ref(&self) -> &[Enriched] {
        &self.0.events
    }
}

impl IcebergSink {
    /// A sink for the table that `config` names. It is opened, or made, when the sink is first resumed.
    pub fn new(data_folder: &Path, config: &Config) -> Self {
        let max_age = Duration::from_millis(config.commit_interval_ms);
        Self {
            pace: Pace { max_events: config.commit_events, max_bytes: usize::MAX, max_age },
            buffer_bytes: config.files.buffer_bytes,
            lake: Lake::new(Kind::PageViews, data_folder, config.warehouse()),
            received: Received::default(),
            waiting: Waiting::default(),
        }
    }

    /// Hands everything that waits to the table's writer.
    async fn stage(&mut self) -> Result<(), SinkError> {
        let Waiting { batches, .. } = std::mem::take(&mut self.waiting);
        if batches.is_empty() {
            return Ok(());
        }
        let staged = self.lake.writer()?.write(batches).await;
        staged.map_err(|error| sink_error("stage rows for Iceberg", error))?;
        self.lake.tell_spilled();
        Ok(())
    }
}

#[async_trait]
impl Sink for IcebergSink {
    fn name(&self) -> &str {
        "iceberg"
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    async fn resume(&mut self, topic: &str) -> Result<Positions, SinkError> {
        self.received = Received::default();
        self.waiting = Waiting::default();
        self.lake.resume(topic).await
    }

    async fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        if batch.events.is_empty() {
            return Ok(());
        }
        self.received.add(&batch.events);
        self.waiting.bytes += batch.memory_bytes();
        self.waiting.batches.push(Events(batch.clone()));
        if self.waiting.bytes >= self.buffer_bytes { self.stage().await } else { Ok(()) }
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        self.stage().await?;
        self.lake.commit(advance, self.received.through()).await?;
        self.received = Received::default();
        Ok(())
    }
}
