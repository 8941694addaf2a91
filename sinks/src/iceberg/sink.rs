//! The sink: stages data files and publishes them with the positions.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use event::{Advance, Positions};
use metrics::{counter, gauge, histogram};
use pipeline::{Batch, Pace, Sink, SinkError};
use warehouse::{DataFiles, Error, Table, Writer};

use super::received::Received;
use super::{Config, vitals};
use crate::metrics::{
    ICEBERG_BYTES, ICEBERG_COMMIT_SECONDS, ICEBERG_COMMITTED_THROUGH, ICEBERG_FILES, ICEBERG_OPEN_FILES, ICEBERG_ROWS,
};

/// Writes events to the table `page_views`.
pub struct IcebergSink {
    data_folder: PathBuf,
    pace: Pace,
    config: warehouse::Config,
    table: Option<Table>,
    writer: Option<Writer>,
    received: Received,
}

impl IcebergSink {
    /// A sink for the table whose catalog is `catalog.sqlite` in the data folder. The table is opened, or made, when
    /// the sink is first resumed.
    pub fn new(data_folder: &Path, config: &Config) -> Self {
        let max_age = Duration::from_millis(config.commit_interval_ms);
        Self {
            data_folder: data_folder.to_owned(),
            pace: Pace { max_events: config.commit_events, max_bytes: usize::MAX, max_age },
            config: config.warehouse(),
            table: None,
            writer: None,
            received: Received::default(),
        }
    }

    fn table(&mut self) -> Result<&mut Table, SinkError> {
        self.table.as_mut().ok_or_else(|| SinkError::retry("use the Iceberg table", "it was not opened"))
    }

    fn writer(&mut self) -> Result<&mut Writer, SinkError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.table()?.writer().map_err(|error| sink_error("begin data files", error))?,
        };
        Ok(self.writer.insert(writer))
    }

    /// Tells the metrics how the table stands after a commit.
    async fn tell(&mut self) -> Result<(), SinkError> {
        let received = std::mem::take(&mut self.received);
        let table = self.table()?;
        if let Some(through) = received.through() {
            let seconds = through.micros() as f64 / 1e6;
            gauge!(ICEBERG_COMMITTED_THROUGH, "table" => table.name().to_owned()).set(seconds);
        }
        vitals::tell(table).await;
        Ok(())
    }

    /// Completes what is staged. From then on only the commit may delete the files.
    async fn complete(&mut self) -> Result<DataFiles, SinkError> {
        let Some(writer) = &mut self.writer else { return Ok(DataFiles::default()) };
        let files = writer.close().await.map_err(|error| sink_error("complete data files", error))?;
        self.writer = None;
        Ok(files)
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
        if let Some(writer) = self.writer.take() {
            writer.abort().await;
        }
        self.table = None;
        self.received = Received::default();
        let opened = Table::open(&self.data_folder, &self.config).await;
        let table = self.table.insert(opened.map_err(|error| sink_error("open the Iceberg table", error))?);
        vitals::tell(table).await;
        table.positions(topic).map_err(|error| sink_error("read the positions of the Iceberg table", error))
    }

    async fn write(&mut self, batch: &Batch) -> Result<(), SinkError> {
        if batch.events.is_empty() {
            return Ok(());
        }
        let writer = self.writer()?;
        writer.write(&batch.events).await.map_err(|error| sink_error("stage rows for Iceberg", error))?;
        gauge!(ICEBERG_OPEN_FILES).set(writer.open_files() as f64);
        self.received.add(&batch.events);
        Ok(())
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        let files = self.complete().await?;
        let (count, rows, bytes) = (files.count(), files.rows(), files.bytes());
        let started = Instant::now();
        let appended = self.table()?.append(files, advance).await;
        appended.map_err(|error| sink_error("commit to the Iceberg table", error))?;
        histogram!(ICEBERG_COMMIT_SECONDS).record(started.elapsed());
        counter!(ICEBERG_FILES).increment(count as u64);
        counter!(ICEBERG_ROWS).increment(rows);
        counter!(ICEBERG_BYTES).increment(bytes);
        gauge!(ICEBERG_OPEN_FILES).set(0.0);
        self.tell().await
    }
}

fn sink_error(attempt: &str, error: Error) -> SinkError {
    match error {
        Error::Moved => SinkError::Moved,
        Error::Row(reason) => SinkError::Refused { reason },
        error => SinkError::retry(attempt, error),
    }
}
