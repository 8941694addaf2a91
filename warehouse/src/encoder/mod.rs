//! From record batches to sorted data files, one partition after the other, in bounded memory.
//!
//! 1. Each row is given the number of its partition (`partitions`). The rows of a batch are sorted by partition, site, host
//!    and time (`order`), and the batch waits in memory (`waiting`).
//! 2. When too many rows wait their batches are merged into a temporary file (`run`).
//! 3. In the end the batches that wait and those files are merged (`merge`): the rows of a partition come one after the
//!    other, in order, and one data file is written at a time (`output`).
//!
//! **Invariant:** memory depends on the configuration alone, not on how many partitions there are or how mixed they come.

mod gathered;
mod merge;
mod order;
mod output;
mod partitions;
mod run;
mod waiting;

use std::num::NonZeroUsize;

use arrow_array::RecordBatch;
use iceberg::table::Table;

use crate::files::{DataFiles, RememberedLocations};
use crate::{Error, FilesConfig};

use merge::{Merge, Source};
use order::Order;
use output::Output;
use partitions::Partitions;
use run::Run;
use waiting::Waiting;

/// The least size of the batches in a temporary file, of which one of each is in memory when they are merged.
const MIN_BATCH_BYTES: usize = 64 << 10;

/// Batches that are encoded for each row group. A file cuts row groups well only between them, and each costs a comparison
/// of the schema with all its metadata.
const BATCHES_PER_ROW_GROUP: usize = 4;

pub(crate) struct Encoder {
    config: FilesConfig,
    partitions: Partitions,
    order: Order,
    waiting: Waiting,
    runs: Vec<Run>,
    output: Output,
}

impl Encoder {
    /// An encoder for the table's current schema and partition spec. Files have as many rows as told, or the target size.
    pub(crate) fn new(
        table: &Table,
        locations: RememberedLocations,
        config: &FilesConfig,
        rows_a_file: Option<NonZeroUsize>,
    ) -> Result<Self, Error> {
        let partitions = Partitions::of(table.metadata())?;
        Ok(Self {
            order: Order::of(partitions.numbered_schema())?,
            partitions,
            waiting: Waiting::default(),
            runs: Vec::new(),
            output: Output::new(table, locations, config, rows_a_file)?,
            config: config.clone(),
        })
    }

    /// Takes a batch; an error leaves the encoder useless.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = self.order.sorted(self.partitions.number(batch)?)?;
        if self.waiting.bytes() > 0 && self.waiting.bytes() + batch.get_array_memory_size() > self.config.buffer_bytes {
            self.spill().await?;
        }
        Ok(self.waiting.push(batch, &self.order)?)
    }

    /// Completes every file.
    pub(crate) async fn finish(&mut self) -> Result<DataFiles, Error> {
        self.write_out().await?;
        Ok(DataFiles(self.output.take()))
    }

    /// What waits in temporary files, in bytes.
    pub(crate) fn spilled_bytes(&self) -> u64 {
        self.runs.iter().map(Run::bytes).sum()
    }

    async fn spill(&mut self) -> Result<(), Error> {
        let is_full = self.spilled_bytes() >= self.config.spill_bytes as u64;
        if is_full || self.runs.len() >= self.max_runs() {
            return self.write_out().await;
        }
        let merged = Merge::of(self.waiting.take().collect(), &self.order, self.batch_bytes())?;
        self.runs.push(Run::write(&self.config.spill_folder, self.partitions.numbered_schema(), merged)?);
        Ok(())
    }

    /// Everything so far into complete data files.
    async fn write_out(&mut self) -> Result<(), Error> {
        let batch_bytes = (self.config.row_group_bytes / BATCHES_PER_ROW_GROUP).max(1);
        let mut sources: Vec<Source> = self.waiting.take().collect();
        for run in std::mem::take(&mut self.runs) {
            sources.push(Box::new(run.read()?));
        }
        for batch in Merge::of(sources, &self.order, batch_bytes)? {
            for (number, rows) in self.partitions.stretches(&batch?)? {
                self.output.write(number, &rows).await?;
            }
        }
        self.output.complete().await
    }

    /// Temporary files after which data files are written.
    fn max_runs(&self) -> usize {
        (self.config.spill_bytes / self.config.buffer_bytes.max(1)).max(1)
    }

    /// So large that a batch of each temporary file fits into the buffer.
    fn batch_bytes(&self) -> usize {
        (self.config.buffer_bytes / self.max_runs()).max(MIN_BATCH_BYTES)
    }
}
