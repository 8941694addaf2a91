//! Rows that wait in memory, and the order to take them in.

use arrow_array::RecordBatch;
use arrow_row::Rows;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;

use super::order::Order;

/// Batches of fewer rows are put together: each column of a batch takes hundreds of bytes, however few rows there are.
const SMALL_BATCH_ROWS: usize = 1024;

/// Batches in the order in which they came.
#[derive(Default)]
pub(super) struct Waiting {
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Waiting {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts small batches together as the digits of a binary counter, so that each row is copied a few times at most.
    pub(super) fn push(&mut self, mut batch: RecordBatch) -> Result<(), ArrowError> {
        while let Some(last) = self.batches.pop_if(|last| {
            last.num_rows() <= batch.num_rows() && last.num_rows() + batch.num_rows() <= SMALL_BATCH_ROWS
        }) {
            self.bytes -= last.get_array_memory_size();
            batch = concat_batches(&batch.schema(), [&last, &batch])?;
        }
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        Ok(())
    }

    /// Everything that waits, sorted, in batches of about `batch_bytes`.
    pub(super) fn take_sorted(&mut self, order: &Order, batch_bytes: usize) -> Result<Sorted, ArrowError> {
        let waiting = std::mem::take(self);
        let keys: Vec<Rows> = waiting.batches.iter().map(|batch| order.keys(batch)).collect::<Result<_, _>>()?;
        let all = waiting.batches.iter().enumerate();
        let mut rows: Vec<(usize, usize)> =
            all.flat_map(|(batch, rows)| (0..rows.num_rows()).map(move |row| (batch, row))).collect();
        rows.sort_by(|one, other| keys[one.0].row(one.1).cmp(&keys[other.0].row(other.1)));
        let bytes_per_row = (waiting.bytes / rows.len().max(1)).max(1);
        Ok(Sorted { batches: waiting.batches, rows, next: 0, rows_per_batch: (batch_bytes / bytes_per_row).max(1) })
    }
}

/// Sorted rows, a batch at a time.
pub(super) struct Sorted {
    batches: Vec<RecordBatch>,
    /// The batch and row of each, in order.
    rows: Vec<(usize, usize)>,
    next: usize,
    rows_per_batch: usize,
}

impl Iterator for Sorted {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = (self.next + self.rows_per_batch).min(self.rows.len());
        let rows = &self.rows[std::mem::replace(&mut self.next, end)..end];
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        (!rows.is_empty()).then(|| interleave_record_batch(&batches, rows))
    }
}
