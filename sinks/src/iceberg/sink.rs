//! The sink: stages data files and publishes them with the positions.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, Positions};
use pipeline::{Batch, Pace, Sink, SinkError};

use super::Config;
use super::lake::{Kind, Lake, sink_error};
use super::received::Received;

/// Writes events to the table `page_views`.
pub struct IcebergSink {
    pace: Pace,
    lake: Lake,
    received: Received,
}

impl IcebergSink {
    /// A sink for the table that `config` names. It is opened, or made, when the sink is first resumed.
    pub fn new(data_folder: &Path, config: &Config) -> Self {
        let max_age = Duration::from_millis(config.commit_interval_ms);
        Self {
            pace: Pace { max_events: config.commit_events, max_bytes: usize::MAX, max_age },
            lake: Lake::new(Kind::PageViews, data_folder, config.warehouse()),
            received: Received::default(),
        }
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
        self.lake.resume(topic).await
    }

    async fn write(&mut self, batch: &Batch) -> Result<(), SinkError> {
        if batch.events.is_empty() {
            return Ok(());
        }
        let staged = self.lake.writer()?.write(&batch.events).await;
        staged.map_err(|error| sink_error("stage rows for Iceberg", error))?;
        self.received.add(&batch.events);
        self.lake.tell_spilled();
        Ok(())
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        self.lake.commit(advance, self.received.through()).await?;
        self.received = Received::default();
        Ok(())
    }
}
