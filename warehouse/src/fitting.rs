//! Columns in the types that the table has now: other engines may have promoted them. Pure.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, LargeBinaryArray};
use arrow_schema::{DataType, Field};

use crate::rows::RowError;

/// The column as the table has it, whose type may be one that Iceberg lets it be promoted to (Iceberg specification,
/// "Schema Evolution"). PyIceberg also lets texts become bytes.
///
/// # Errors
/// `Unfit` when it is another.
pub(crate) fn promoted(field: &Field, column: ArrayRef) -> Result<ArrayRef, RowError> {
    match (column.data_type(), field.data_type()) {
        (own, present) if own == present => Ok(column),
        (DataType::Int32, DataType::Int64) => {
            Ok(Arc::new(column.as_primitive::<Int32Type>().unary::<_, Int64Type>(i64::from)))
        }
        (DataType::Float32, DataType::Float64) => {
            Ok(Arc::new(column.as_primitive::<Float32Type>().unary::<_, Float64Type>(f64::from)))
        }
        (DataType::Decimal128(own, scale), DataType::Decimal128(wider, same)) if own <= wider && scale == same => {
            let numbers = column.as_primitive::<Decimal128Type>().clone();
            Ok(Arc::new(numbers.with_precision_and_scale(*wider, *same).map_err(RowError::Column)?))
        }
        (DataType::Utf8, DataType::LargeBinary) => {
            Ok(Arc::new(column.as_string::<i32>().iter().collect::<LargeBinaryArray>()))
        }
        (own, present) => Err(unfit(field, format!("is of the type {present} now, which {own} cannot be written to"))),
    }
}

/// The column, in which there must be no null where the table allows none.
///
/// # Errors
/// `Unfit` when there is one.
pub(crate) fn filled(field: &Field, column: ArrayRef) -> Result<ArrayRef, RowError> {
    if field.is_nullable() || column.null_count() == 0 {
        return Ok(column);
    }
    Err(unfit(field, "must not be null, and not every event has something for it: make it optional".to_owned()))
}

fn unfit(field: &Field, reason: String) -> RowError {
    RowError::Unfit { column: field.name().clone(), reason }
}

#[cfg(test)]
mod tests {
    use arrow_array::{Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, StringArray};

    use super::*;

    fn promote(to: DataType, column: impl Array + 'static) -> Result<ArrayRef, RowError> {
        promoted(&Field::new("c", to, true), Arc::new(column))
    }

    #[test]
    fn every_promotion_of_icebergs_keeps_values_and_nulls() {
        let long = promote(DataType::Int64, Int32Array::from(vec![Some(i32::MIN), None])).unwrap();
        assert_eq!(long.as_ref(), &Int64Array::from(vec![Some(i64::from(i32::MIN)), None]) as &dyn Array);
        let double = promote(DataType::Float64, Float32Array::from(vec![Some(0.5), None])).unwrap();
        assert_eq!(double.as_ref(), &Float64Array::from(vec![Some(0.5), None]) as &dyn Array);
        let decimal =
            |precision| Decimal128Array::from(vec![Some(5), None]).with_precision_and_scale(precision, 2).unwrap();
        let wider = promote(DataType::Decimal128(20, 2), decimal(9)).unwrap();
        assert_eq!(wider.as_ref(), &decimal(20) as &dyn Array);
        let bytes = promote(DataType::LargeBinary, StringArray::from(vec![Some("é"), None])).unwrap();
        assert_eq!(bytes.as_ref(), &LargeBinaryArray::from(vec![Some("é".as_bytes()), None]) as &dyn Array);
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_column() {
        for (to, column) in [
            (DataType::Int32, Arc::new(Int64Array::from(vec![1])) as ArrayRef),
            (DataType::Utf8, Arc::new(Int32Array::from(vec![1]))),
        ] {
            let told = promoted(&Field::new("c", to, true), column).unwrap_err();
            assert!(matches!(told, RowError::Unfit { column, .. } if column == "c"));
        }
        let nothing: ArrayRef = Arc::new(Int32Array::from(vec![None]));
        assert!(filled(&Field::new("c", DataType::Int32, false), nothing.clone()).is_err());
        assert!(filled(&Field::new("c", DataType::Int32, true), nothing).is_ok());
    }
}
