//! Rows into data files in the order of site and time, so that readers who ask for one site pass over most of a file.
//!
//! As many rows as the buffer holds are sorted together. A file with more holds several such runs one after the other,
//! in the order in which the old files were, so that each row group has a range of its own.

use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_ord::sort::{SortColumn, lexsort_to_indices};
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use iceberg::table::Table;

use crate::rewrite::RowWriter;
use crate::rows::field_id;
use crate::schema::id;
use crate::{DataFiles, Error, FilesConfig, Writer, files};

/// What rows are sorted by, the most significant first.
const ORDER: [i32; 4] = [id::SITE, id::EVENT_TIMESTAMP, id::LOG_PARTITION, id::LOG_OFFSET];

/// Sorted rows that are encoded at a time.
const ROWS_PER_BATCH: usize = 1024;

pub(super) struct SortedWriter {
    table: Table,
    config: FilesConfig,
    /// Rows after which a file is complete; `None` when size alone decides.
    rows_a_file: Option<u64>,
    writer: Writer,
    /// Rows in the files of `writer`.
    rows: u64,
    complete: DataFiles,
    waiting: Vec<RecordBatch>,
    waiting_bytes: usize,
    buffer_bytes: usize,
}

impl RowWriter for SortedWriter {
    async fn write(&mut self, rows: RecordBatch) -> Result<(), Error> {
        let bytes = rows.get_array_memory_size();
        if self.waiting_bytes + bytes > self.buffer_bytes {
            self.flush().await?;
        }
        self.waiting_bytes += bytes;
        self.waiting.push(rows);
        Ok(())
    }

    async fn close(&mut self) -> Result<DataFiles, Error> {
        self.flush().await?;
        let last = self.writer.close().await?;
        self.complete.0.extend(last.0);
        Ok(std::mem::take(&mut self.complete))
    }

    async fn abort(self) {
        self.writer.abort().await;
        let complete = self.complete.0.iter().map(|file| file.file_path().to_owned());
        files::delete(complete, self.table.file_io()).await;
    }
}

impl SortedWriter {
    /// With `rows_a_file`, rows of one partition alone may be written.
    pub(super) fn new(
        table: &Table,
        config: &FilesConfig,
        buffer_bytes: usize,
        rows_a_file: Option<u64>,
    ) -> Result<Self, Error> {
        let target_file_bytes = if rows_a_file.is_some() { usize::MAX } else { config.target_file_bytes };
        let config = FilesConfig { target_file_bytes, ..config.clone() };
        Ok(Self {
            writer: Writer::new(table, &config)?,
            table: table.clone(),
            config,
            rows_a_file,
            rows: 0,
            complete: DataFiles::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            buffer_bytes,
        })
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let sort = tokio::task::spawn_blocking(move || sort(&waiting));
        let Some((rows, order)) = sort.await.map_err(|_stopped| Error::Interrupted)?? else { return Ok(()) };
        let mut from = 0;
        while from < order.len() {
            let piece = order.slice(from, ROWS_PER_BATCH.min(order.len() - from).min(self.room().await?));
            self.writer.write_columns(take_record_batch(&rows, &piece)?).await?;
            self.rows += piece.len() as u64;
            from += piece.len();
        }
        Ok(())
    }

    /// Rows that fit into the file in the making; a new one is begun when it is full.
    async fn room(&mut self) -> Result<usize, Error> {
        let Some(rows_a_file) = self.rows_a_file else { return Ok(usize::MAX) };
        if self.rows == rows_a_file {
            let full = self.writer.close().await?;
            self.complete.0.extend(full.0);
            self.writer = Writer::new(&self.table, &self.config)?;
            self.rows = 0;
        }
        Ok(usize::try_from(rows_a_file - self.rows).unwrap_or(usize::MAX))
    }
}

/// All rows together, and the order in which to take them. `None` without any.
fn sort(batches: &[RecordBatch]) -> Result<Option<(RecordBatch, UInt32Array)>, ArrowError> {
    let Some(first) = batches.first() else { return Ok(None) };
    let rows = concat_batches(&first.schema(), batches)?;
    let by: Vec<SortColumn> = ORDER
        .into_iter()
        .filter_map(|id| column(&rows, id))
        .map(|values| SortColumn { values, options: None })
        .collect();
    // Somebody may have dropped every one of these columns.
    let order = match by.as_slice() {
        [] => UInt32Array::from_iter_values((0..).take(rows.num_rows())),
        by => lexsort_to_indices(by, None)?,
    };
    Ok(Some((rows, order)))
}

fn column(rows: &RecordBatch, id: i32) -> Option<ArrayRef> {
    let index = rows.schema_ref().fields().iter().position(|field| field_id(field) == id)?;
    Some(rows.column(index).clone())
}
