//! Sorted batches that wait in memory.

use std::iter;

use arrow_array::RecordBatch;

use super::merge::Source;

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

    pub(super) fn push(&mut self, batch: RecordBatch) {
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
    }

    /// Everything that waits, each batch a source of its own.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Source<'static>> + use<> {
        std::mem::take(self).batches.into_iter().map(|batch| Box::new(iter::once(Ok(batch))) as Source)
    }
}
