//! Events as columns: one record batch in the table's current schema. Pure.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{ArrowError, Field, SchemaRef};
use event::{Enriched, Place, Timestamp};
use serde_json::Value;

use crate::columns::OwnColumns;
use crate::schema::id;
use crate::{address, places};

/// How the Parquet writer and Iceberg find a column's field id.
const FIELD_ID: &str = "PARQUET:field_id";

/// Iceberg's spelling of UTC.
const UTC: &str = "+00:00";

/// Texts of one column in a batch, in bytes; a single event may have more, up to what Arrow can address.
const MAX_TEXT_BYTES: usize = 64 << 20;

/// Why events could not be put into one batch.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The texts of one column are too large together: fewer events may fit.
    TooLarge,
    /// The table has a column that no row of pageberg's can fill.
    Column(ArrowError),
}

/// The columns of `schema`, which is Iceberg's Arrow form of the table's current one. Columns are found by field id;
/// one that is not among pageberg's `own` is null.
///
/// # Errors
/// `TooLarge`, or `Column` when somebody changed a column's type or added one that must not be null.
pub(crate) fn record_batch(schema: &SchemaRef, own: &OwnColumns, events: &[Enriched]) -> Result<RecordBatch, RowError> {
    let rows: Vec<Row> = events.iter().map(Row::of).collect();
    let column = |field| column(own.own_id(field_id(field)).unwrap_or_default(), field, &rows);
    let columns = schema.fields().iter().map(|field| column(field)).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema.clone(), columns).map_err(RowError::Column)
}

/// An event with what is computed from it.
struct Row<'a> {
    enriched: &'a Enriched,
    place: Option<&'a Place>,
    path: Option<&'a str>,
    query: Option<&'a str>,
    event_id: String,
    referrer_host: Option<String>,
    properties: Option<String>,
}

impl<'a> Row<'a> {
    fn of(enriched: &'a Enriched) -> Self {
        let event = &enriched.event;
        let parts = event.url.as_deref().map(address::path_and_query);
        Self {
            enriched,
            place: (*enriched.place != Place::default()).then_some(&*enriched.place),
            path: parts.map(|(path, _query)| path),
            query: parts.and_then(|(_path, query)| query),
            event_id: event.id.to_string(),
            referrer_host: event.referrer.as_deref().and_then(address::host),
            properties: event.properties(),
        }
    }

    fn site(&self) -> Option<&str> {
        self.enriched.event.extra.get("site").and_then(Value::as_str)
    }
}

fn column(id: i32, field: &Field, rows: &[Row]) -> Result<ArrayRef, RowError> {
    match id {
        id::EVENT_ID => text(rows, |row| Some(&row.event_id)),
        id::EVENT_TIMESTAMP => Ok(times(rows, |row| row.enriched.event.event_time)),
        id::RECEIVED_AT => Ok(times(rows, |row| row.enriched.event.received_at)),
        id::SITE => text(rows, |row| row.site()),
        id::HOST => text(rows, |row| row.enriched.event.host.as_deref()),
        id::URL => text(rows, |row| row.enriched.event.url.as_deref()),
        id::PATH => text(rows, |row| row.path),
        id::QUERY => text(rows, |row| row.query),
        id::REFERRER => text(rows, |row| row.enriched.event.referrer.as_deref()),
        id::REFERRER_HOST => text(rows, |row| row.referrer_host.as_deref()),
        id::USER_AGENT => text(rows, |row| row.enriched.event.user_agent.as_deref()),
        id::IP => text(rows, |row| row.enriched.event.ip.as_deref()),
        id::GEO => places::column(field, &rows.iter().map(|row| row.place).collect::<Vec<_>>(), None),
        id::GEO_DATABASE => text(rows, |row| row.enriched.geo_database.as_deref()),
        id::HEADERS => text(rows, |row| row.enriched.event.headers.as_deref()),
        id::PROPERTIES => text(rows, |row| row.properties.as_deref()),
        id::LATE => Ok(Arc::new(rows.iter().map(|row| Some(row.enriched.late)).collect::<BooleanArray>())),
        id::LOG_TOPIC => text(rows, |row| Some(&row.enriched.position.topic)),
        id::LOG_PARTITION => {
            Ok(Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.enriched.position.partition))))
        }
        id::LOG_OFFSET => {
            Ok(Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.enriched.position.offset))))
        }
        _ => Ok(new_null_array(field.data_type(), rows.len())),
    }
}

/// The column's id in Iceberg; 0, which no column has, when it has none.
pub(crate) fn field_id(field: &Field) -> i32 {
    field.metadata().get(FIELD_ID).and_then(|id| id.parse().ok()).unwrap_or_default()
}

fn text<'a>(rows: &'a [Row], value: impl Fn(&'a Row<'a>) -> Option<&'a str>) -> Result<ArrayRef, RowError> {
    text_column(rows.iter().map(&value))
}

/// # Errors
/// `TooLarge`.
pub(crate) fn text_column<'a>(
    values: impl ExactSizeIterator<Item = Option<&'a str>> + Clone,
) -> Result<ArrayRef, RowError> {
    let bytes: usize = values.clone().flatten().map(str::len).sum();
    if (bytes > MAX_TEXT_BYTES && values.len() > 1) || i32::try_from(bytes).is_err() {
        return Err(RowError::TooLarge);
    }
    Ok(Arc::new(values.collect::<StringArray>()))
}

fn times(rows: &[Row], value: impl Fn(&Row) -> Timestamp) -> ArrayRef {
    let micros = rows.iter().map(|row| value(row).micros());
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone(UTC))
}
