//! Several sorted sources as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow_array::RecordBatch;
use arrow_row::Rows;
use arrow_schema::ArrowError;
use arrow_select::interleave::interleave_record_batch;

use super::order::Order;

/// Sorted batches, each beginning where the one before ends.
pub(super) type Source<'s> = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + 's>;

/// The rows of all sources in order. It holds a batch of each, and those that the rows taken so far are in.
pub(super) struct Merge<'s> {
    order: &'s Order,
    cursors: Vec<Cursor<'s>>,
    /// The batches at which the cursors stand, each at its cursor's place; behind them those that are used up.
    batches: Vec<RecordBatch>,
    /// The next key of each source that is not at its end.
    heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    batch_bytes: usize,
}

/// Where one source has been read to.
struct Cursor<'s> {
    source: Source<'s>,
    keys: Rows,
    row: usize,
    rows: usize,
    bytes_per_row: usize,
}

impl<'s> Cursor<'s> {
    /// The cursor at the source's first batch, and that batch; `None` when the source has none left.
    fn of(mut source: Source<'s>, order: &Order) -> Result<Option<(Self, RecordBatch)>, ArrowError> {
        let Some(batch) = source.next().transpose()? else { return Ok(None) };
        let rows = batch.num_rows();
        let bytes_per_row = batch.get_array_memory_size() / rows.max(1);
        Ok(Some((Self { keys: order.keys(&batch)?, source, row: 0, rows, bytes_per_row }, batch)))
    }

    fn key(&self) -> Vec<u8> {
        self.keys.row(self.row).data().to_vec()
    }
}

impl<'s> Merge<'s> {
    /// Batches of about `batch_bytes` come out.
    pub(super) fn of(sources: Vec<Source<'s>>, order: &'s Order, batch_bytes: usize) -> Result<Self, ArrowError> {
        let (mut cursors, mut batches) = (Vec::new(), Vec::new());
        for source in sources {
            if let Some((cursor, batch)) = Cursor::of(source, order)? {
                cursors.push(cursor);
                batches.push(batch);
            }
        }
        let heads = cursors.iter().enumerate().map(|(index, cursor)| Reverse((cursor.key(), index))).collect();
        Ok(Self { order, cursors, batches, heads, batch_bytes })
    }

    /// The next rows, each as its batch and place, until there are enough.
    fn take(&mut self) -> Result<Vec<(usize, usize)>, ArrowError> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while bytes < self.batch_bytes {
            let Some(Reverse((_, index))) = self.heads.pop() else { break };
            let cursor = &mut self.cursors[index];
            loop {
                taken.push((index, cursor.row));
                bytes += cursor.bytes_per_row.max(1);
                cursor.row += 1;
                let is_next = |next: &Reverse<(Vec<u8>, usize)>| cursor.keys.row(cursor.row).data() <= &*next.0.0;
                if cursor.row == cursor.rows || bytes >= self.batch_bytes || !self.heads.peek().is_none_or(is_next) {
                    break;
                }
            }
            if cursor.row < cursor.rows {
                self.heads.push(Reverse((cursor.key(), index)));
            } else {
                self.read(index, &mut taken)?;
            }
        }
        Ok(taken)
    }

    /// Goes on to the next batch of a source; what was taken of the last one is found behind all others from now on.
    fn read(&mut self, index: usize, taken: &mut [(usize, usize)]) -> Result<(), ArrowError> {
        let cursor = &mut self.cursors[index];
        let Some(batch) = cursor.source.next().transpose()? else { return Ok(()) };
        cursor.keys = self.order.keys(&batch)?;
        (cursor.row, cursor.rows) = (0, batch.num_rows());
        cursor.bytes_per_row = batch.get_array_memory_size() / cursor.rows.max(1);
        self.heads.push(Reverse((cursor.key(), index)));
        let moved = self.batches.len();
        let used_up = std::mem::replace(&mut self.batches[index], batch);
        self.batches.push(used_up);
        taken.iter_mut().filter(|(batch, _)| *batch == index).for_each(|(batch, _)| *batch = moved);
        Ok(())
    }

    fn merged(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let rows = self.take()?;
        if rows.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let merged = interleave_record_batch(&batches, &rows)?;
        self.batches.truncate(self.cursors.len());
        Ok(Some(merged))
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.merged().transpose()
    }
}
