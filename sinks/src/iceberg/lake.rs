//! A table with what a sink stages for it: opened, written to, committed to. What the rows are is for the sinks to say.

use std::path::{Path, PathBuf};
use std::time::Instant;

use event::{Advance, Positions, Timestamp};
use metrics::{counter, gauge, histogram};
use pipeline::SinkError;
use warehouse::{Catalog, DataFiles, Error, Table, Writer};

use super::vitals;
use crate::metrics::{
    ICEBERG_BYTES, ICEBERG_COMMIT_SECONDS, ICEBERG_COMMITTED_THROUGH, ICEBERG_FILES, ICEBERG_ROWS,
    ICEBERG_SPILLED_BYTES,
};

/// A new table in the place of the one that was there would not be what anybody meant.
const GONE: &str = "the data folder was removed while pageberg was running: put it back, or start anew";

/// Which table it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    PageViews,
    DeadLetters,
}

/// See the module.
pub(crate) struct Lake {
    kind: Kind,
    data_folder: PathBuf,
    config: warehouse::Config,
    table: Option<Table>,
    writer: Option<Writer>,
    has_opened: bool,
}

impl Lake {
    /// The table is opened, or made, when it is first resumed.
    pub(crate) fn new(kind: Kind, data_folder: &Path, config: warehouse::Config) -> Self {
        Self { kind, data_folder: data_folder.to_owned(), config, table: None, writer: None, has_opened: false }
    }

    /// Deletes what is staged and reads the positions from the table.
    pub(crate) async fn resume(&mut self, topic: &str) -> Result<Positions, SinkError> {
        if let Some(writer) = self.writer.take() {
            writer.abort().await;
        }
        self.table = None;
        if self.has_opened && Catalog::is_gone(&self.data_folder, &self.config.of_catalog()) {
            return Err(SinkError::retry("open the Iceberg table", GONE));
        }
        let opened = match self.kind {
            Kind::PageViews => Table::open(&self.data_folder, &self.config).await,
            Kind::DeadLetters => Table::open_dead_letters(&self.data_folder, &self.config).await,
        };
        let table = self.table.insert(opened.map_err(|error| sink_error("open the Iceberg table", error))?);
        self.has_opened = true;
        vitals::tell(table).await;
        table.positions(topic).map_err(|error| sink_error("read the positions of the Iceberg table", error))
    }

    /// Where rows are staged.
    pub(crate) fn writer(&mut self) -> Result<&mut Writer, SinkError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.table()?.writer().map_err(|error| sink_error("begin data files", error))?,
        };
        Ok(self.writer.insert(writer))
    }

    /// Publishes what is staged with the positions, in one commit; `received` tells up to when the rows were received.
    pub(crate) async fn commit(&mut self, advance: &Advance, received: Option<Timestamp>) -> Result<(), SinkError> {
        let files = self.complete().await?;
        let (count, rows, bytes) = (files.count(), files.rows(), files.bytes());
        let started = Instant::now();
        let table = self.table()?;
        table.append(files, advance).await.map_err(|error| sink_error("commit to the Iceberg table", error))?;
        histogram!(ICEBERG_COMMIT_SECONDS).record(started.elapsed());
        counter!(ICEBERG_FILES).increment(count as u64);
        counter!(ICEBERG_ROWS).increment(rows);
        counter!(ICEBERG_BYTES).increment(bytes);
        if let Some(received) = received {
            let seconds = received.micros() as f64 / 1e6;
            gauge!(ICEBERG_COMMITTED_THROUGH, "table" => table.name().to_owned()).set(seconds);
        }
        vitals::tell(table).await;
        self.tell_spilled();
        Ok(())
    }

    /// Tells the metrics how much waits in temporary files.
    pub(crate) fn tell_spilled(&self) {
        if self.kind == Kind::PageViews {
            gauge!(ICEBERG_SPILLED_BYTES).set(self.writer.as_ref().map_or(0, Writer::spilled_bytes) as f64);
        }
    }

    fn table(&mut self) -> Result<&mut Table, SinkError> {
        self.table.as_mut().ok_or_else(|| SinkError::retry("use the Iceberg table", "it was not opened"))
    }

    /// Completes what is staged. From then on only the commit may delete the files.
    async fn complete(&mut self) -> Result<DataFiles, SinkError> {
        let Some(writer) = &mut self.writer else { return Ok(DataFiles::default()) };
        let files = writer.close().await.map_err(|error| sink_error("complete data files", error))?;
        self.writer = None;
        Ok(files)
    }
}

/// What a lane is to do about a failure of the table.
pub(crate) fn sink_error(attempt: &str, error: Error) -> SinkError {
    match error {
        Error::Moved => SinkError::Moved,
        Error::Row(reason) => SinkError::Refused { reason },
        error => SinkError::retry(attempt, error),
    }
}
