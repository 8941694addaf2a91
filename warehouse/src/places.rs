//! Visitors' places as columns: the struct `geo`. Pure.

use std::sync::Arc;

use arrow_array::builder::NullBufferBuilder;
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, StructArray, new_null_array};
use arrow_schema::{ArrowError, DataType, Field};
use event::Place;

use crate::fitting::promoted;
use crate::rows::{RowError, field_id, text_column};
use crate::schema::id;

/// The column `geo`, null where the place is `None`. What others have added to it is null, or as it is in `old`, the
/// column that this one replaces.
///
/// # Errors
/// As [`record_batch`](crate::rows::record_batch).
pub(crate) fn column(
    field: &Field,
    places: &[Option<&Place>],
    old: Option<&StructArray>,
) -> Result<ArrayRef, RowError> {
    let DataType::Struct(fields) = field.data_type() else {
        return Err(RowError::Column(ArrowError::SchemaError(format!("{} is no struct", field.name()))));
    };
    let kept = |index: usize| old.map(|old| old.column(index).clone());
    let column = |(index, field): (usize, &Arc<Field>)| promoted(field, part(field, places, kept(index))?);
    let columns = fields.iter().enumerate().map(column).collect::<Result<_, _>>()?;
    let mut known = NullBufferBuilder::new(places.len());
    places.iter().for_each(|place| known.append(place.is_some()));
    let column = StructArray::try_new(fields.clone(), columns, known.finish()).map_err(RowError::Column)?;
    Ok(Arc::new(column))
}

fn part(field: &Field, places: &[Option<&Place>], old: Option<ArrayRef>) -> Result<ArrayRef, RowError> {
    match field_id(field) {
        id::COUNTRY => text(places, |place| place.country.as_deref()),
        id::COUNTRY_NAME => text(places, |place| place.country_name.as_deref()),
        id::STATE => text(places, |place| place.state.as_deref()),
        id::REGION_CODE => text(places, |place| place.region_code.as_deref()),
        id::CITY => text(places, |place| place.city.as_deref()),
        id::CONTINENT => text(places, |place| place.continent.as_deref()),
        id::POSTCODE => text(places, |place| place.postcode.as_deref()),
        id::LATITUDE => Ok(Arc::new(values(places, |place| place.latitude).collect::<Float64Array>())),
        id::LONGITUDE => Ok(Arc::new(values(places, |place| place.longitude).collect::<Float64Array>())),
        id::ACCURACY_KM => {
            Ok(Arc::new(values(places, |place| place.accuracy_km.map(i32::from)).collect::<Int32Array>()))
        }
        id::TIMEZONE => text(places, |place| place.timezone.as_deref()),
        id::ASN => Ok(Arc::new(values(places, |place| place.asn.map(i64::from)).collect::<Int64Array>())),
        id::AS_ORG => text(places, |place| place.as_org.as_deref()),
        _ => Ok(old.unwrap_or_else(|| new_null_array(field.data_type(), places.len()))),
    }
}

fn text<'a>(places: &[Option<&'a Place>], value: impl Fn(&'a Place) -> Option<&'a str>) -> Result<ArrayRef, RowError> {
    text_column(places.iter().map(|place| place.and_then(&value)))
}

fn values<'a, T>(
    places: &[Option<&'a Place>],
    value: impl Fn(&'a Place) -> Option<T>,
) -> impl Iterator<Item = Option<T>> {
    places.iter().map(move |place| place.and_then(&value))
}
