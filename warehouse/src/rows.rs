//! Events as columns: one record batch in the table's current schema. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{ArrowError, Field, SchemaRef};
use event::{Campaign, Device, Enriched, Place, Timestamp, UserAgent, path_and_query};

use crate::columns::OwnColumns;
use crate::fitting::{filled, promoted};
use crate::places;
use crate::schema::id;

/// How the Parquet writer and Iceberg find a column's field id.
const FIELD_ID: &str = "PARQUET:field_id";

/// Iceberg's spelling of UTC.
pub(crate) const UTC: &str = "+00:00";

/// Texts of one column in a batch, in bytes; a single event may have more, up to what Arrow can address.
const MAX_TEXT_BYTES: usize = 64 << 20;

const DAY_MICROS: i64 = 86_400_000_000;

/// Length of a UUID's text.
const EVENT_ID_BYTES: usize = 36;

/// Why events could not be put into one batch.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The texts of one column are too large together: fewer events may fit.
    TooLarge,
    /// The table has a column that no row of pageberg's can fill.
    Unfit {
        /// Its name.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The columns make no batch.
    Column(ArrowError),
}

/// The events by day and, within a day, in the order of a file's rows. Here that moves nothing but references; rows that are
/// columns already are moved column by column, which is left to do only where partitions are not days.
pub(crate) fn in_order<'e>(events: impl Iterator<Item = &'e Enriched>) -> Vec<&'e Enriched> {
    // There are few sites and hosts: each event finds its own once, instead of comparing texts with event after event.
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for enriched in events {
        let event = &enriched.event;
        let group = (event.event_time.micros() / DAY_MICROS, event.site(), event.host());
        groups.entry(group).or_default().push((event.event_time, enriched));
    }
    groups.values_mut().for_each(|group| group.sort_by_key(|(time, _)| *time));
    groups.into_values().flatten().map(|(_, enriched)| enriched).collect()
}

/// The columns of `schema`, which is Iceberg's Arrow form of the table's current one. Columns are found by field id;
/// one that is not among pageberg's `own` is null.
///
/// # Errors
/// `TooLarge`, or `Unfit` when somebody changed a column's type or added one that must not be null.
pub(crate) fn record_batch(
    schema: &SchemaRef,
    own: &OwnColumns,
    events: &[&Enriched],
) -> Result<RecordBatch, RowError> {
    let rows: Vec<Row> = events.iter().copied().map(Row::of).collect();
    let column = |field: &Arc<Field>| {
        let values = match own.property(field_id(field)) {
            Some(property) => property.values(events.iter().copied()),
            None => column(own.own_id(field_id(field)).unwrap_or_default(), field, &rows),
        };
        filled(field, promoted(field, values?)?)
    };
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema.clone(), columns).map_err(RowError::Column)
}

/// An event with what is computed from it.
struct Row<'a> {
    enriched: &'a Enriched,
    place: Option<&'a Place>,
    agent: &'a UserAgent,
    path: Option<&'a str>,
    query: Option<&'a str>,
    properties: Option<String>,
}

impl<'a> Row<'a> {
    fn of(enriched: &'a Enriched) -> Self {
        let event = &enriched.event;
        let parts = event.url().map(path_and_query);
        Self {
            enriched,
            place: (*enriched.place != Place::default()).then_some(&*enriched.place),
            agent: &enriched.visit.agent,
            path: parts.map(|(path, _query)| path),
            query: parts.and_then(|(_path, query)| query),
            properties: event.properties(),
        }
    }
}

fn column(id: i32, field: &Field, rows: &[Row]) -> Result<ArrayRef, RowError> {
    match id {
        id::EVENT_ID => Ok(event_ids(rows)),
        id::EVENT_TIMESTAMP => Ok(times(rows, |row| row.enriched.event.event_time)),
        id::RECEIVED_AT => Ok(times(rows, |row| row.enriched.event.received_at)),
        id::SITE => text(rows, |row| row.enriched.event.site()),
        id::HOST => text(rows, |row| row.enriched.event.host()),
        id::URL => text(rows, |row| row.enriched.event.url()),
        id::PATH => text(rows, |row| row.path),
        id::QUERY => text(rows, |row| row.query),
        id::REFERRER => text(rows, |row| row.enriched.event.referrer()),
        id::REFERRER_HOST => text(rows, |row| row.enriched.visit.referrer_host.as_deref()),
        id::USER_AGENT => text(rows, |row| row.enriched.event.user_agent()),
        id::IP => text(rows, |row| row.enriched.event.ip()),
        id::GEO => places::column(field, &rows.iter().map(|row| row.place).collect::<Vec<_>>(), None),
        id::GEO_DATABASE => text(rows, |row| row.enriched.geo_database.as_deref()),
        id::HEADERS => text(rows, |row| row.enriched.event.headers()),
        id::PROPERTIES => text(rows, |row| row.properties.as_deref()),
        id::LATE => Ok(flags(rows, |row| row.enriched.late)),
        id::LOG_TOPIC => text(rows, |row| Some(&row.enriched.position.topic)),
        id::LOG_PARTITION => {
            Ok(Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.enriched.position.partition))))
        }
        id::LOG_OFFSET => {
            Ok(Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.enriched.position.offset))))
        }
        id::EVENT_NAME => text(rows, |row| Some(row.enriched.event.name())),
        id::BROWSER => text(rows, |row| row.agent.browser.as_deref()),
        id::BROWSER_VERSION => text(rows, |row| row.agent.browser_version.as_deref()),
        id::OS => text(rows, |row| row.agent.os.as_deref()),
        id::OS_VERSION => text(rows, |row| row.agent.os_version.as_deref()),
        id::DEVICE => text(rows, |row| row.agent.device.map(Device::as_str)),
        id::IS_BOT => Ok(flags(rows, |row| row.agent.is_bot)),
        id::CHANNEL => text(rows, |row| Some(row.enriched.visit.channel.as_str())),
        id::UTM_SOURCE => campaign(rows, |campaign| &campaign.source),
        id::UTM_MEDIUM => campaign(rows, |campaign| &campaign.medium),
        id::UTM_CAMPAIGN => campaign(rows, |campaign| &campaign.name),
        id::UTM_TERM => campaign(rows, |campaign| &campaign.term),
        id::UTM_CONTENT => campaign(rows, |campaign| &campaign.content),
        id::CLICK_ID => campaign(rows, |campaign| &campaign.click_id),
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
    let mut texts = StringBuilder::with_capacity(values.len(), bytes);
    texts.extend(values);
    Ok(Arc::new(texts.finish()))
}

fn event_ids(rows: &[Row]) -> ArrayRef {
    let mut texts = StringBuilder::with_capacity(rows.len(), rows.len() * EVENT_ID_BYTES);
    let mut text = [0; EVENT_ID_BYTES];
    rows.iter().for_each(|row| texts.append_value(row.enriched.event.id.encode(&mut text)));
    Arc::new(texts.finish())
}

fn campaign(rows: &[Row], parameter: fn(&Campaign) -> &Option<String>) -> Result<ArrayRef, RowError> {
    text(rows, |row| row.enriched.visit.campaign(parameter))
}

fn flags(rows: &[Row], value: impl Fn(&Row) -> bool) -> ArrayRef {
    Arc::new(rows.iter().map(|row| Some(value(row))).collect::<BooleanArray>())
}

fn times(rows: &[Row], value: impl Fn(&Row) -> Timestamp) -> ArrayRef {
    let micros = rows.iter().map(|row| value(row).micros());
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone(UTC))
}
