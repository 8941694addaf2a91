//! Keys of an event's properties that have a column of their own, as configured: `string`, `double(props.price)`. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use event::Enriched;
use iceberg::spec::{NestedField, NestedFieldRef, PrimitiveType, Type};
use serde_json::{Map, Value};

use crate::Error;
use crate::rows::{RowError, text_column};
use crate::schema;

/// One such column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PropertyColumn {
    pub(crate) name: String,
    kind: Kind,
    /// The key, or the keys of an object in an object, joined by dots.
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    String,
    Long,
    Double,
    Boolean,
}

impl PropertyColumn {
    /// The columns of `[iceberg.table] property_columns`.
    ///
    /// # Errors
    /// `Config` that says what is wrong with the first that is none.
    pub(crate) fn parse(configured: &BTreeMap<String, String>) -> Result<Vec<Self>, Error> {
        let own = schema::page_views()?;
        let column = |(name, form): (&String, &String)| {
            let fault = |fault: &str| Err(Error::Config(format!("table.property_columns.{name}: {fault}")));
            let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_plain || name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
                return fault("a name must be made of letters, digits and _, and not begin with a digit");
            }
            if own.field_by_name_case_insensitive(name).is_some() {
                return fault(
                    "the table has a column of this name already: give it another, as price = \"double(url)\"",
                );
            }
            let (kind, path) = match form.trim().split_once('(') {
                None => (form.trim(), Some(name.as_str())),
                Some((kind, path)) => (kind.trim(), path.strip_suffix(')').map(str::trim)),
            };
            match (Kind::parse(kind), path.filter(|path| !path.is_empty())) {
                (Some(kind), Some(path)) => Ok(Self { name: name.clone(), kind, path: path.to_owned() }),
                _ => fault("must be string, long, double or boolean, or one of these with a key: double(props.price)"),
            }
        };
        configured.iter().map(column).collect()
    }

    /// The column as it is added to a table, whose id is still to be given.
    pub(crate) fn field(&self) -> NestedFieldRef {
        let kind = match self.kind {
            Kind::String => PrimitiveType::String,
            Kind::Long => PrimitiveType::Long,
            Kind::Double => PrimitiveType::Double,
            Kind::Boolean => PrimitiveType::Boolean,
        };
        let doc = format!("{} of the event's properties", self.path);
        Arc::new(NestedField::optional(0, &self.name, Type::Primitive(kind)).with_doc(doc))
    }

    /// What the events have there; null where that is absent or of another type.
    ///
    /// # Errors
    /// `TooLarge`.
    pub(crate) fn values<'e>(
        &self,
        events: impl ExactSizeIterator<Item = &'e Enriched> + Clone,
    ) -> Result<ArrayRef, RowError> {
        let values = events.map(|enriched| at(&enriched.event.extra, &self.path));
        Ok(match self.kind {
            Kind::String => return text_column(values.map(|value| value.and_then(event::as_text))),
            Kind::Long => Arc::new(values.map(|value| value.and_then(Value::as_i64)).collect::<Int64Array>()),
            Kind::Double => Arc::new(values.map(|value| value.and_then(event::as_double)).collect::<Float64Array>()),
            Kind::Boolean => Arc::new(values.map(|value| value.and_then(Value::as_bool)).collect::<BooleanArray>()),
        })
    }
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "string" => Some(Self::String),
            "long" => Some(Self::Long),
            "double" => Some(Self::Double),
            "boolean" => Some(Self::Boolean),
            _ => None,
        }
    }
}

/// The value under a key; if there is none, that under the path's first key, and so on within it.
fn at<'v>(object: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    object.get(path).or_else(|| {
        let (key, rest) = path.split_once('.')?;
        at(object.get(key)?.as_object()?, rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, form: &str) -> Result<PropertyColumn, String> {
        let configured = BTreeMap::from([(name.to_owned(), form.to_owned())]);
        PropertyColumn::parse(&configured).map(|mut columns| columns.remove(0)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_column_is_named_after_its_key_or_tells_the_key() {
        let plan = parse("plan", "string").unwrap();
        assert_eq!((plan.kind, plan.path.as_str()), (Kind::String, "plan"));
        let price = parse("price", " double( props.price )").unwrap();
        assert_eq!((price.kind, price.path.as_str()), (Kind::Double, "props.price"));
    }

    #[test]
    fn what_cannot_be_a_column_is_told_with_its_name() {
        for (name, form, fault) in [
            ("plan", "text", "must be string, long, double or boolean"),
            ("plan", "string(", "must be string"),
            ("plan", "string()", "must be string"),
            ("my-plan", "string", "letters, digits and _"),
            ("2nd", "string", "letters, digits and _"),
            ("", "string", "letters, digits and _"),
            ("url", "string", "already"),
            ("URL", "string", "already"),
        ] {
            let told = parse(name, form).unwrap_err();
            assert!(told.starts_with(&format!("table.property_columns.{name}:")) && told.contains(fault), "{told}");
        }
    }

    #[test]
    fn a_value_is_found_under_its_whole_key_first_then_within_objects() {
        let object = serde_json::json!({"a.b": 1, "a": {"b": 2, "c.d": {"e": 3}}, "f": 4});
        let object = object.as_object().unwrap();
        let number = |path| at(object, path).and_then(Value::as_i64);
        assert_eq!([number("a.b"), number("a.c.d.e"), number("f")], [Some(1), None, Some(4)]);
        assert_eq!([number("f.g"), number("none"), number("a")], [None, None, None]);
    }
}
