//! The order of rows in a file: by site, host and time.

use arrow_array::RecordBatch;
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{ArrowError, Schema};

use crate::layout::ROW_ORDER;
use crate::rows::field_id;
use crate::schema::id;

/// Makes the order a certain one.
const LAST: [i32; 2] = [id::LOG_PARTITION, id::LOG_OFFSET];

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
}
