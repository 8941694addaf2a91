//! From record batches to data files of one partition each, in bounded memory.
//!
//! 1. Each row is given the number of its partition (`partitions`), and the rows of a batch are sorted by partition, site,
//!    host and time (`order`).
//! 2. The rows of the first few partitions go on into an open file of each (`output`), as far as open files are allowed.
//! 3. The rows of all other partitions wait in memory (`waiting`). When too many wait their batches are merged into a
//!    temporary file (`run`). In the end these batches and files are merged (`merge`): the rows of a partition come one
//!    after the other, in order, and one data file is written at a time.
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
use std::ops::Range;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use iceberg::table::Table;

use crate::files::{DataFiles, RememberedLocations};
use crate::{Error, FilesConfig};

use merge::{Merge, Source};
use order::Order;
use output::Output;
use partitions::{Partitions, stretches};
use run::Run;
use waiting::Waiting;

/// The least size of the batches in a temporary file, of which one of each is in memory when they are merged.
const MIN_BATCH_BYTES: usize = 64 << 10;

/// Batches that are encoded for each row group. A file cuts row groups well only between them, and each costs a comparison
/// of the schema with all its metadata.
const BATCHES_PER_ROW_GROUP: usize = 4;

/// What files come out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    /// Rows of each file; when not told, a file ends at the target size.
    pub(crate) rows_a_file: Option<NonZeroUsize>,
    /// Partitions whose rows are encoded as they come, in stretches that are sorted, rather than sorted all together.
    pub(crate) max_open: usize,
}

pub(crate) struct Encoder {
    config: FilesConfig,
    partitions: Partitions,
    order: Order,
    max_open: usize,
    waiting: Waiting,
    runs: Vec<Run>,
    output: Output,
}

impl Encoder {
    /// An encoder for the table's current schema and partition spec.
    pub(crate) fn new(
        table: &Table,
        locations: RememberedLocations,
        config: &FilesConfig,
        shape: Shape,
    ) -> Result<Self, Error> {
        let partitions = Partitions::of(table.metadata())?;
        Ok(Self {
            order: Order::of(partitions.numbered_schema())?,
            partitions,
            max_open: shape.max_open,
            waiting: Waiting::default(),
            runs: Vec::new(),
            output: Output::new(table, locations, config, shape.rows_a_file)?,
            config: config.clone(),
        })
    }

    /// Takes a batch; an error leaves the encoder useless.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = self.order.sorted(self.partitions.number(batch)?)?;
        let mut rest = Vec::new();
        for (number, rows) in stretches(&batch) {
            if self.output.takes(number, self.max_open) {
                put_out(&mut self.output, &self.partitions, &self.order, &batch, (number, rows)).await?;
            } else {
                rest.extend(rows);
            }
        }
        if rest.len() == batch.num_rows() {
            return self.wait(batch).await;
        }
        let rest: UInt32Array = rest.into_iter().map(|row| row as u32).collect::<Vec<_>>().into();
        if rest.is_empty() { Ok(()) } else { self.wait(take_record_batch(&batch, &rest)?).await }
    }

    async fn wait(&mut self, batch: RecordBatch) -> Result<(), Error> {
        if self.waiting.bytes() > 0 && self.waiting.bytes() + batch.get_array_memory_size() > self.config.buffer_bytes {
            self.spill().await?;
        }
        self.waiting.push(batch);
        Ok(())
    }

    /// Completes every file.
    pub(crate) async fn finish(&mut self) -> Result<(), Error> {
        self.write_out().await?;
        self.output.complete_all().await
    }

    /// The complete files.
    pub(crate) fn into_files(self) -> DataFiles {
        DataFiles(self.output.complete)
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

    /// Everything that waits into complete data files.
    async fn write_out(&mut self) -> Result<(), Error> {
        let batch_bytes = (self.config.row_group_bytes / BATCHES_PER_ROW_GROUP).max(1);
        let mut sources: Vec<Source> = self.waiting.take().collect();
        for run in std::mem::take(&mut self.runs) {
            sources.push(Box::new(run.read()?));
        }
        let mut last = None;
        for batch in Merge::of(sources, &self.order, batch_bytes)? {
            let batch = batch?;
            for (number, rows) in stretches(&batch) {
                if let Some(before) = last.replace(number).filter(|before| *before != number) {
                    self.output.complete(before).await?;
                }
                put_out(&mut self.output, &self.partitions, &self.order, &batch, (number, rows)).await?;
            }
        }
        match last {
            Some(last) => self.output.complete(last).await,
            None => Ok(()),
        }
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

/// A stretch of rows into the file of its partition.
async fn put_out(
    output: &mut Output,
    partitions: &Partitions,
    order: &Order,
    batch: &RecordBatch,
    (number, rows): (u32, Range<usize>),
) -> Result<(), Error> {
    let edges = order.edges(batch, &rows)?;
    let rows = partitions.unnumbered(&batch.slice(rows.start, rows.len()))?;
    output.write((number, partitions.partition(number)), &rows, &edges).await
}
