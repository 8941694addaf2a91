//! Single rows of several batches, copied into one.

use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::interleave::interleave_record_batch;

#[derive(Default)]
pub(super) struct Gathered {
    batches: Vec<RecordBatch>,
    /// Each as its batch and place.
    rows: Vec<(usize, usize)>,
    bytes: usize,
}

impl Gathered {
    /// About how much they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds rows of a batch, which is given a number when it has none.
    pub(super) fn add(
        &mut self,
        batch: &RecordBatch,
        number: &mut Option<usize>,
        rows: Range<usize>,
        bytes_per_row: usize,
    ) {
        let number = *number.get_or_insert_with(|| {
            self.batches.push(batch.clone());
            self.batches.len() - 1
        });
        self.bytes += rows.len() * bytes_per_row;
        self.rows.extend(rows.map(|row| (number, row)));
    }

    /// The rows, in the order in which they were added.
    pub(super) fn into_batch(self) -> Result<RecordBatch, ArrowError> {
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        interleave_record_batch(&batches, &self.rows)
    }
}
