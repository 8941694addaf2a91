//! Sorted batches that wait in memory.

use std::iter;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;

use super::merge::Source;
use super::order::Order;

/// Batches of fewer rows are put together: each column of a batch takes hundreds of bytes, however few rows there are.
const SMALL_BATCH_ROWS: usize = 1024;

/// Batches that are each sorted for themselves.
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
    pub(super) fn push(&mut self, mut batch: RecordBatch, order: &Order) -> Result<(), ArrowError> {
        while let Some(last) = self.batches.pop_if(|last| {
            last.num_rows() <= batch.num_rows() && last.num_rows() + batch.num_rows() <= SMALL_BATCH_ROWS
        }) {
            self.bytes -= last.get_array_memory_size();
            batch = order.sorted(concat_batches(&batch.schema(), [&last, &batch])?)?;
        }
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        Ok(())
    }

    /// Everything that waits, each batch a source of its own.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Source<'static>> + use<> {
        std::mem::take(self).batches.into_iter().map(|batch| Box::new(iter::once(Ok(batch))) as Source)
    }
}
