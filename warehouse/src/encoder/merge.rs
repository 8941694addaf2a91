//! Several sorted sources as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use arrow_array::{Array, RecordBatch};
use arrow_row::Rows;
use arrow_schema::ArrowError;

use super::gathered::Gathered;
use super::order::Order;

/// Sorted batches, each beginning where the one before ends.
pub(super) type Source<'s> = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + 's>;

/// Rows of one source, one after the other in the order of all, that are worth a batch of their own: it costs no copy.
const LONG_STRETCH_ROWS: usize = 128;

/// The rows of all sources in order. It holds a batch of each, and those that the rows gathered so far are in.
pub(super) struct Merge<'s> {
    order: &'s Order,
    cursors: Vec<Cursor<'s>>,
    /// The next key of each source that is not at its end.
    heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    batch_bytes: usize,
    /// Rows of short stretches.
    gathered: Gathered,
    /// A long stretch that comes after what is gathered.
    long: Option<RecordBatch>,
}

/// Where one source has been read to.
struct Cursor<'s> {
    source: Source<'s>,
    batch: RecordBatch,
    keys: Rows,
    row: usize,
    bytes_per_row: usize,
    /// The batch's number among those that rows are gathered of.
    gathered_as: Option<usize>,
}

impl<'s> Cursor<'s> {
    /// The cursor at the source's first row; `None` when the source has none left.
    fn of(mut source: Source<'s>, order: &Order) -> Result<Option<Self>, ArrowError> {
        let Some(batch) = source.next().transpose()? else { return Ok(None) };
        let keys = order.keys(&batch)?;
        let bytes_per_row = (bytes(&batch) / batch.num_rows().max(1)).max(1);
        Ok(Some(Self { source, batch, keys, row: 0, bytes_per_row, gathered_as: None }))
    }

    fn key(&self) -> &[u8] {
        self.keys.row(self.row).data()
    }

    /// The rows from here on whose keys are not above the bound, `most` of them at most; the row here is one in any case.
    fn stretch(&self, bound: Option<&[u8]>, most: usize) -> Range<usize> {
        let rest = self.row + 1..self.batch.num_rows().min(self.row + most.max(1));
        let belongs = |row: &usize| bound.is_none_or(|bound| self.keys.row(*row).data() <= bound);
        self.row..self.row + 1 + rest.take_while(belongs).count()
    }
}

/// Without what a batch that was read from a file shares with others.
fn bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &dyn Array| column.to_data().get_slice_memory_size();
    batch.columns().iter().map(|column| bytes(column).unwrap_or_else(|_| column.get_array_memory_size())).sum()
}

impl<'s> Merge<'s> {
    /// Batches of `batch_bytes` at most come out, roughly, but of one row at least.
    pub(super) fn of(sources: Vec<Source<'s>>, order: &'s Order, batch_bytes: usize) -> Result<Self, ArrowError> {
        let mut cursors = Vec::new();
        for source in sources {
            cursors.extend(Cursor::of(source, order)?);
        }
        let heads = cursors.iter().enumerate().map(|(index, cursor)| Reverse((cursor.key().to_vec(), index))).collect();
        Ok(Self { order, cursors, heads, batch_bytes, gathered: Gathered::default(), long: None })
    }

    fn merged(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        while self.long.is_none() && self.gathered.bytes() < self.batch_bytes && self.take_stretch()? {}
        if self.gathered.is_empty() {
            return Ok(self.long.take());
        }
        self.cursors.iter_mut().for_each(|cursor| cursor.gathered_as = None);
        std::mem::take(&mut self.gathered).into_batch().map(Some)
    }

    /// Takes the next rows of the source that is first; false when all are at their ends.
    fn take_stretch(&mut self) -> Result<bool, ArrowError> {
        let Some(Reverse((mut key, index))) = self.heads.pop() else { return Ok(false) };
        let bound = self.heads.peek().map(|Reverse((key, _))| key.as_slice());
        let cursor = &mut self.cursors[index];
        let room = self.batch_bytes - self.gathered.bytes();
        let rows = cursor.stretch(bound, room / cursor.bytes_per_row);
        cursor.row = rows.end;
        if rows.len() >= LONG_STRETCH_ROWS {
            self.long = Some(cursor.batch.slice(rows.start, rows.len()));
        } else {
            self.gathered.add(&cursor.batch, &mut cursor.gathered_as, rows, cursor.bytes_per_row);
        }
        if cursor.row == cursor.batch.num_rows() {
            let source = std::mem::replace(&mut cursor.source, Box::new(std::iter::empty()));
            let Some(next) = Cursor::of(source, self.order)? else { return Ok(true) };
            *cursor = next;
        }
        key.clear();
        key.extend_from_slice(cursor.key());
        self.heads.push(Reverse((key, index)));
        Ok(true)
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.merged().transpose()
    }
}
