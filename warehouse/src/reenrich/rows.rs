//! Today's places in a batch of rows. Pure.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, Field};
use arrow_select::zip::zip;
use event::{Locate, Place, Relocated, Timestamp, Verdict, Verdicts};

use crate::fitting::promoted;
use crate::rows::{RowError, field_id, text_column};
use crate::schema::id;
use crate::{Error, places};

/// Counts what is to become of the rows of the range.
pub(super) fn count(
    batch: &RecordBatch,
    range: &Range<Timestamp>,
    locate: &mut Locate<'_>,
    verdicts: &mut Verdicts,
) -> Result<(), Error> {
    let rows = Rows::of(batch)?;
    (0..batch.num_rows())
        .filter_map(|row| rows.verdict(row, range, locate))
        .for_each(|verdict| verdicts.count(&verdict));
    Ok(())
}

/// The batch with today's places in the rows of the range that have another database's.
pub(super) fn relocated(
    batch: &RecordBatch,
    range: &Range<Timestamp>,
    locate: &mut Locate<'_>,
) -> Result<RecordBatch, Error> {
    let rows = Rows::of(batch)?;
    let today: Vec<Option<Relocated>> = (0..batch.num_rows())
        .map(|row| match rows.verdict(row, range, locate) {
            Some(Verdict::Changed(today)) => Some(today),
            _ => None,
        })
        .collect();
    let changes: BooleanArray = today.iter().map(|today| Some(today.is_some())).collect();
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, old)| {
        let new = match field_id(field) {
            id::GEO => places_of(&today, field, old)?,
            id::GEO_DATABASE => databases_of(&today, field)?,
            _ => return Ok(old.clone()),
        };
        Ok(zip(&changes, &new, old)?)
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>, Error>>()?;
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

/// The columns that decide on a row.
struct Rows<'b> {
    times: &'b TimestampMicrosecondArray,
    ips: &'b StringArray,
    databases: &'b StringArray,
}

impl<'b> Rows<'b> {
    fn of(batch: &'b RecordBatch) -> Result<Self, Error> {
        Ok(Self {
            times: column(batch, id::EVENT_TIMESTAMP, |array| array.as_primitive_opt::<TimestampMicrosecondType>())?,
            ips: column(batch, id::IP, |array| array.as_string_opt())?,
            databases: column(batch, id::GEO_DATABASE, |array| array.as_string_opt())?,
        })
    }

    /// What is to become of a row; `None` when it is not of the range.
    fn verdict(&self, row: usize, range: &Range<Timestamp>, locate: &mut Locate<'_>) -> Option<Verdict> {
        let time = self.times.value(row);
        let is_in_range = (range.start.micros()..range.end.micros()).contains(&time) && self.times.is_valid(row);
        is_in_range.then(|| Verdict::on(text(self.ips, row), text(self.databases, row), locate))
    }
}

fn column<'b, T>(
    batch: &'b RecordBatch,
    field: i32,
    cast: impl FnOnce(&'b dyn Array) -> Option<&'b T>,
) -> Result<&'b T, Error> {
    let index = batch.schema_ref().fields().iter().position(|found| field_id(found) == field);
    let found = index.and_then(|index| cast(batch.column(index)));
    found.ok_or_else(|| ArrowError::SchemaError(format!("the column with the id {field} has another type")).into())
}

fn text(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row))
}

fn places_of(today: &[Option<Relocated>], field: &Arc<Field>, old: &ArrayRef) -> Result<ArrayRef, Error> {
    let known = |today: &Relocated| *today.place != Place::default();
    let places: Vec<Option<&Place>> =
        today.iter().map(|today| today.as_ref().filter(|today| known(today)).map(|today| &*today.place)).collect();
    places::column(field, &places, old.as_struct_opt()).map_err(unwritable)
}

fn databases_of(today: &[Option<Relocated>], field: &Field) -> Result<ArrayRef, Error> {
    let names = text_column(today.iter().map(|today| today.as_ref().map(|today| &*today.database)));
    names.and_then(|names| promoted(field, names)).map_err(unwritable)
}

fn unwritable(error: RowError) -> Error {
    match error {
        RowError::TooLarge => Error::Row("the geo database tells a place of more than 2 GiB".to_owned()),
        RowError::Unfit { column, reason } => Error::Unfit { column, reason },
        RowError::Column(error) => error.into(),
    }
}
