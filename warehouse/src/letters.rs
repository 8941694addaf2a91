//! The table of dead letters: records that could not be decoded or written, with their bytes.
//!
//! It is a table like that of the page views in all but its columns: the same writer, commits, positions and upkeep.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Int32Array, Int64Array, LargeBinaryArray, RecordBatch, TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{Field, SchemaRef};
use event::{DeadLetter, LogPosition, Stage, Timestamp};
use iceberg::spec::{PrimitiveType, Schema, Transform, UnboundPartitionSpec};

use crate::fitting::{filled, promoted};
use crate::rows::{RowError, UTC, field_id, text_column};
use crate::schema::{optional, required};
use crate::table::Layout;
use crate::{Config, Error, Table, Writer};

/// A dead letter and where it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptLetter {
    /// The letter.
    pub letter: DeadLetter,
    /// Its own place, in the topic of dead letters.
    pub kept_at: LogPosition,
    /// When that topic took it.
    pub dead_at: Timestamp,
}

/// Field ids, in the order of the columns; time, receipt and what rows are sorted by have those of the page views.
mod id {
    pub(super) const LETTER_ID: i32 = 1;
    pub(super) const DEAD_AT: i32 = 2;
    pub(super) const RECEIVED_AT: i32 = 3;
    pub(super) const STAGE: i32 = 4;
    pub(super) const SINK: i32 = 5;
    pub(super) const REASON: i32 = 6;
    pub(super) const PAYLOAD: i32 = 7;
    pub(super) const LOG_TOPIC: i32 = 8;
    pub(super) const LOG_PARTITION: i32 = 9;
    pub(super) const LOG_OFFSET: i32 = 10;
    pub(super) const LETTER_PARTITION: i32 = 11;
    pub(super) const LETTER_OFFSET: i32 = 12;
}

fn schema() -> Result<Schema, Error> {
    use PrimitiveType::{Binary, Int, Long, String, Timestamptz};
    let columns = vec![
        required(id::LETTER_ID, "letter_id", String, "what `pageberg deadletters` calls it"),
        required(id::DEAD_AT, "dead_at", Timestamptz, "when the record was given up"),
        required(id::RECEIVED_AT, "received_at", Timestamptz, "when the log took the record"),
        required(id::STAGE, "stage", String, "where it stopped: decode or sink"),
        optional(id::SINK, "sink", String, "the sink that refused it"),
        required(id::REASON, "reason", String, "why"),
        required(id::PAYLOAD, "payload", Binary, "the record's bytes"),
        required(id::LOG_TOPIC, "log_topic", String, "topic of the record"),
        required(id::LOG_PARTITION, "log_partition", Int, "partition of the record"),
        required(id::LOG_OFFSET, "log_offset", Long, "offset of the record"),
        required(id::LETTER_PARTITION, "letter_partition", Int, "partition of the letter in the topic of dead letters"),
        required(id::LETTER_OFFSET, "letter_offset", Long, "offset of the letter in the topic of dead letters"),
    ];
    Schema::builder().with_fields(columns).build().map_err(Error::iceberg("build the schema"))
}

/// One partition a day of `dead_at`, in UTC.
fn layout(_config: &Config) -> Result<Layout, Error> {
    let partitions = UnboundPartitionSpec::builder()
        .with_spec_id(0)
        .add_partition_field(id::DEAD_AT, "dead_at_day", Transform::Day)
        .map_err(Error::iceberg("build the partition spec"))?
        .build();
    Ok(Layout { schema: schema()?, partitions })
}

impl Table {
    /// Opens the table of dead letters, whose name `config` has; creates whatever is missing.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub async fn open_dead_letters(data_folder: &Path, config: &Config) -> Result<Self, Error> {
        Self::open_or_create(data_folder, config, layout).await
    }
}

impl Writer {
    /// Stages dead letters; the writer must be that of their table.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub async fn write_dead_letters(&mut self, letters: Vec<KeptLetter>) -> Result<(), Error> {
        self.write_rows(letters, record_batch).await
    }
}

/// The letters in the columns of `schema`; a column that somebody has added is null.
fn record_batch(schema: &SchemaRef, letters: &[KeptLetter]) -> Result<RecordBatch, RowError> {
    let column = |field: &Arc<Field>| filled(field, promoted(field, column(field, letters)?)?);
    let columns = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema.clone(), columns).map_err(RowError::Column)
}

fn column(field: &Field, letters: &[KeptLetter]) -> Result<ArrayRef, RowError> {
    match field_id(field) {
        id::LETTER_ID => owned(letters, |kept| kept.letter.id().to_string()),
        id::DEAD_AT => Ok(times(letters, |kept| kept.dead_at)),
        id::RECEIVED_AT => Ok(times(letters, |kept| kept.letter.time)),
        id::STAGE => text(letters, |kept| Some(if kept.letter.stage == Stage::Decode { "decode" } else { "sink" })),
        id::SINK => text(letters, |kept| match &kept.letter.stage {
            Stage::Decode => None,
            Stage::Sink(name) => Some(name),
        }),
        id::REASON => text(letters, |kept| Some(&kept.letter.reason)),
        id::PAYLOAD => {
            Ok(Arc::new(LargeBinaryArray::from_iter_values(letters.iter().map(|kept| &kept.letter.payload))))
        }
        id::LOG_TOPIC => text(letters, |kept| Some(&kept.letter.position.topic)),
        id::LOG_PARTITION => Ok(partitions(letters, |kept| &kept.letter.position)),
        id::LOG_OFFSET => Ok(offsets(letters, |kept| &kept.letter.position)),
        id::LETTER_PARTITION => Ok(partitions(letters, |kept| &kept.kept_at)),
        id::LETTER_OFFSET => Ok(offsets(letters, |kept| &kept.kept_at)),
        _ => Ok(new_null_array(field.data_type(), letters.len())),
    }
}

fn text(letters: &[KeptLetter], value: fn(&KeptLetter) -> Option<&str>) -> Result<ArrayRef, RowError> {
    text_column(letters.iter().map(value))
}

fn owned(letters: &[KeptLetter], value: fn(&KeptLetter) -> String) -> Result<ArrayRef, RowError> {
    let values: Vec<String> = letters.iter().map(value).collect();
    text_column(values.iter().map(|value| Some(value.as_str())))
}

fn times(letters: &[KeptLetter], value: fn(&KeptLetter) -> Timestamp) -> ArrayRef {
    let micros = letters.iter().map(|kept| value(kept).micros());
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone(UTC))
}

fn partitions(letters: &[KeptLetter], place: fn(&KeptLetter) -> &LogPosition) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(letters.iter().map(|kept| place(kept).partition)))
}

fn offsets(letters: &[KeptLetter], place: fn(&KeptLetter) -> &LogPosition) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(letters.iter().map(|kept| place(kept).offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_have_the_ids_that_a_new_table_gives_them() {
        let schema = schema().unwrap();
        let ids: Vec<i32> = schema.as_struct().fields().iter().map(|field| field.id).collect();
        assert_eq!(ids, (1..=12).collect::<Vec<_>>());
        assert_eq!([id::DEAD_AT, id::RECEIVED_AT, id::STAGE], {
            use crate::schema::id::{EVENT_TIMESTAMP, RECEIVED_AT, SITE};
            [EVENT_TIMESTAMP, RECEIVED_AT, SITE]
        });
    }
}
