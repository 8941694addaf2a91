//! The order of the rows within a file.

use iceberg::spec::{NullOrder, SortDirection, SortField, SortOrder, TableMetadata, Transform};

use crate::Error;
use crate::schema::id;

/// What the rows of a file are sorted by, the most significant first. Null comes first, and texts by their bytes.
pub(crate) const ROW_ORDER: [i32; 3] = [id::SITE, id::HOST, id::EVENT_TIMESTAMP];

fn fields() -> impl Iterator<Item = SortField> {
    ROW_ORDER.into_iter().map(|source_id| SortField {
        source_id,
        transform: Transform::Identity,
        direction: SortDirection::Ascending,
        null_order: NullOrder::First,
    })
}

/// The order in Iceberg's words, for a table that lacks it; `None` when it cannot have it, as somebody dropped a column.
pub(super) fn missing_sort_order(metadata: &TableMetadata) -> Result<Option<SortOrder>, Error> {
    if !has_columns(metadata) || declared(metadata).is_some() {
        return Ok(None);
    }
    let order = SortOrder::builder().with_fields(fields().collect::<Vec<_>>()).build_unbound();
    order.map(Some).map_err(Error::iceberg("build the sort order"))
}

/// The table's id for the order; `None` when it has none, or lacks one of the columns.
pub(crate) fn sort_order_id(metadata: &TableMetadata) -> Option<i32> {
    declared(metadata).filter(|_| has_columns(metadata))
}

fn declared(metadata: &TableMetadata) -> Option<i32> {
    let order = metadata.sort_orders_iter().find(|order| order.fields.iter().cloned().eq(fields()))?;
    i32::try_from(order.order_id).ok()
}

fn has_columns(metadata: &TableMetadata) -> bool {
    ROW_ORDER.iter().all(|column| metadata.current_schema().field_by_id(*column).is_some())
}
