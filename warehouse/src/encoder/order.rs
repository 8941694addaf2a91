//! The order of rows in a file: by site, host and time.

use std::ops::Range;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_ord::sort::{LexicographicalComparator, SortColumn};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, Schema};
use arrow_select::take::take_record_batch;

use crate::layout::ROW_ORDER;
use crate::rows::field_id;
use crate::schema::id;

/// Makes the order a certain one.
const LAST: [i32; 2] = [id::LOG_PARTITION, id::LOG_OFFSET];

/// The keys of the first and the last row of several that are in order.
pub(super) struct Edges {
    pub(super) first: Box<[u8]>,
    pub(super) last: Box<[u8]>,
}

/// Gives rows keys: bytes that compare as the rows do.
pub(super) struct Order {
    columns: Vec<usize>,
    converter: RowConverter,
}

impl Order {
    /// The order of numbered batches: by partition, then as in a file. Columns that somebody dropped are passed over.
    pub(super) fn of(numbered: &Schema) -> Result<Self, ArrowError> {
        let fields = numbered.fields();
        let position = |id: i32| fields.iter().position(|field| field_id(field) == id);
        let sorted_by = ROW_ORDER.into_iter().chain(LAST).filter_map(position);
        let columns: Vec<usize> = fields.len().checked_sub(1).into_iter().chain(sorted_by).collect();
        let kinds = columns.iter().map(|column| SortField::new(fields[*column].data_type().clone())).collect();
        Ok(Self { columns, converter: RowConverter::new(kinds)? })
    }

    /// A key for each row.
    pub(super) fn keys(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        let columns: Vec<_> = self.columns.iter().map(|column| batch.column(*column).clone()).collect();
        self.converter.convert_columns(&columns)
    }

    /// The keys of the first and the last of these rows.
    pub(super) fn edges(&self, batch: &RecordBatch, rows: &Range<usize>) -> Result<Edges, ArrowError> {
        let key = |row: usize| {
            let columns: Vec<_> = self.columns.iter().map(|column| batch.column(*column).slice(row, 1)).collect();
            Ok::<_, ArrowError>(self.converter.convert_columns(&columns)?.row(0).data().into())
        };
        Ok(Edges { first: key(rows.start)?, last: key(rows.end - 1)? })
    }

    /// Whether the rows are in order already, which is found out sooner without keys.
    fn is_in_order(&self, batch: &RecordBatch) -> Result<bool, ArrowError> {
        let column = |column: &usize| SortColumn { values: batch.column(*column).clone(), options: None };
        let rows = LexicographicalComparator::try_new(&self.columns.iter().map(column).collect::<Vec<_>>())?;
        Ok((1..batch.num_rows()).all(|row| rows.compare(row - 1, row).is_le()))
    }

    /// The batch with its rows in order: itself when they are.
    pub(super) fn sorted(&self, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        if self.is_in_order(&batch)? {
            return Ok(batch);
        }
        let keys = self.keys(&batch)?;
        let key = |row: u32| keys.row(row as usize);
        let mut rows: Vec<u32> = (0..).take(batch.num_rows()).collect();
        rows.sort_by(|one, other| key(*one).cmp(&key(*other)));
        take_record_batch(&batch, &UInt32Array::from(rows))
    }
}
