//! What the table is partitioned by, as people write it: `day(event_timestamp)`, `bucket(16, host)`. Pure.

use std::fmt;
use std::str::FromStr;

use iceberg::spec::{PartitionSpec, Schema, Transform, UnboundPartitionSpec};

use crate::Error;

/// The forms that a partition may have.
const FORMS: &str = "year(column), month(column), day(column), hour(column), identity(column) or the bare column, \
    bucket(buckets, column), truncate(width, column)";

/// The fields that the table is partitioned by, in the order of the folders; none when it is not partitioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionBy(Vec<Field>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    transform: Transform,
    /// Its name, with those of the structs that it is in before it.
    column: String,
}

impl PartitionBy {
    /// What a table is partitioned by that nobody says anything about.
    pub(crate) fn day() -> Self {
        Self(vec![Field { transform: Transform::Day, column: "event_timestamp".to_owned() }])
    }

    /// # Errors
    /// `Config` that says what is wrong with the first that is no partition.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, Error> {
        let fields = texts.iter().map(|text| {
            text.parse().map_err(|fault: String| {
                Error::Config(format!("table.partition_by: {text:?} {fault}; possible are {FORMS}"))
            })
        });
        fields.collect::<Result<_, _>>().map(Self)
    }

    /// What a table is partitioned by.
    ///
    /// # Errors
    /// `Config` when a column of it was dropped.
    pub(crate) fn of(spec: &PartitionSpec, schema: &Schema) -> Result<Self, Error> {
        let used = spec.fields().iter().filter(|field| field.transform != Transform::Void);
        let field = |field: &iceberg::spec::PartitionField| {
            let column = schema.name_by_field_id(field.source_id).ok_or_else(|| {
                Error::Config(format!("the table is partitioned by {}, whose column was dropped", field.name))
            })?;
            Ok(Field { transform: field.transform, column: column.to_owned() })
        };
        used.map(field).collect::<Result<_, _>>().map(Self)
    }

    /// The same in Iceberg's words for a table of this schema.
    ///
    /// # Errors
    /// `Config` when a column is not there or cannot be partitioned so.
    pub(crate) fn spec(&self, schema: &Schema) -> Result<UnboundPartitionSpec, Error> {
        let mut spec = UnboundPartitionSpec::builder();
        for field in &self.0 {
            let fault = |fault: String| Error::Config(format!("table.partition_by: {field}: {fault}"));
            let column = schema.field_by_name(&field.column).ok_or_else(|| fault(unknown(&field.column, schema)))?;
            field.transform.result_type(&column.field_type).map_err(|error| fault(error.message().to_owned()))?;
            let name = field.name();
            if schema.field_by_name(&name).is_some_and(|other| other.id != column.id) {
                return Err(fault(format!("the table has a column {name}, which such a partition would be called")));
            }
            let added = spec.add_partition_field(column.id, name, field.transform);
            spec = added.map_err(|error| fault(error.message().to_owned()))?;
        }
        Ok(spec.build())
    }
}

impl Field {
    /// As Spark names it. Manifests cannot carry a dot.
    fn name(&self) -> String {
        let column = self.column.replace('.', "_");
        match self.transform {
            Transform::Identity => column,
            Transform::Bucket(_) => format!("{column}_bucket"),
            Transform::Truncate(_) => format!("{column}_trunc"),
            transform => format!("{column}_{transform}"),
        }
    }
}

fn unknown(column: &str, schema: &Schema) -> String {
    let fields = schema.field_id_to_name_map();
    let mut known: Vec<(i32, &str)> = fields.iter().map(|(id, name)| (*id, name.as_str())).collect();
    known.sort_unstable();
    let known: Vec<&str> = known.into_iter().map(|(_, name)| name).collect();
    let nearest = known
        .iter()
        .copied()
        .max_by(|one, other| strsim::jaro_winkler(column, one).total_cmp(&strsim::jaro_winkler(column, other)));
    let nearest = nearest.unwrap_or_default();
    format!("the table has no column {column}; did you mean {nearest}? There are {}", known.join(", "))
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (function, arguments) = match text.trim().split_once('(') {
            None => ("identity", text.trim()),
            Some((function, rest)) => {
                let arguments = rest.strip_suffix(')').ok_or("has no closing bracket at its end")?;
                (function.trim(), arguments.trim())
            }
        };
        let (transform, column) = transform(function, arguments)?;
        let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '(' | ')' | ',');
        if column.is_empty() || !column.chars().all(is_plain) {
            return Err("names no column".to_owned());
        }
        Ok(Self { transform, column: column.to_owned() })
    }
}

fn transform<'t>(function: &str, arguments: &'t str) -> Result<(Transform, &'t str), String> {
    let of_number = |make: fn(u32) -> Transform| {
        let (number, column) = arguments.split_once(',').ok_or("lacks its number")?;
        let number = number.trim().parse().ok().filter(|number| (1..=i32::MAX as u32).contains(number));
        let number = number.ok_or("has no number above 0")?;
        Ok((make(number), column.trim()))
    };
    match function {
        "identity" => Ok((Transform::Identity, arguments)),
        "year" => Ok((Transform::Year, arguments)),
        "month" => Ok((Transform::Month, arguments)),
        "day" => Ok((Transform::Day, arguments)),
        "hour" => Ok((Transform::Hour, arguments)),
        "bucket" => of_number(Transform::Bucket),
        "truncate" => of_number(Transform::Truncate),
        _ => Err("is no partition".to_owned()),
    }
}

impl fmt::Display for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = &self.column;
        match self.transform {
            Transform::Bucket(buckets) => write!(out, "bucket({buckets}, {column})"),
            Transform::Truncate(width) => write!(out, "truncate({width}, {column})"),
            transform => write!(out, "{transform}({column})"),
        }
    }
}

/// As it stands in the configuration.
impl fmt::Display for PartitionBy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<String> = self.0.iter().map(|field| format!("\"{field}\"")).collect();
        write!(out, "[{}]", fields.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn parse(texts: &[&str]) -> Result<PartitionBy, Error> {
        PartitionBy::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn names(texts: &[&str]) -> Vec<String> {
        let spec = parse(texts).unwrap().spec(&schema::page_views().unwrap()).unwrap();
        spec.fields().iter().map(|field| field.name.clone()).collect()
    }

    #[test]
    fn every_form_is_read_and_printed_as_it_was_written() {
        let forms = ["year(received_at)", "month(event_timestamp)", "day(event_timestamp)", "hour(event_timestamp)"];
        let others = ["identity(geo.country)", "bucket(16, host)", "truncate(8, url)"];
        for form in forms.into_iter().chain(others) {
            assert_eq!(parse(&[form]).unwrap().to_string(), format!("[\"{form}\"]"));
        }
        assert_eq!(
            parse(&[" host ", "bucket( 4 ,site )"]).unwrap().to_string(),
            "[\"identity(host)\", \"bucket(4, site)\"]"
        );
        assert_eq!(parse(&[]).unwrap().to_string(), "[]");
        assert_eq!(parse(&["day(event_timestamp)"]).unwrap(), PartitionBy::day());
    }

    #[test]
    fn partitions_are_named_as_spark_names_them() {
        assert_eq!(
            names(&["day(event_timestamp)", "bucket(16, event_id)"]),
            ["event_timestamp_day", "event_id_bucket"]
        );
        assert_eq!(names(&["truncate(4, url)", "geo.country", "host"]), ["url_trunc", "geo_country", "host"]);
    }

    #[test]
    fn what_is_no_partition_is_told_with_what_is_wrong() {
        for (form, fault) in [
            ("dya(event_timestamp)", "is no partition; possible are year(column)"),
            ("day(event_timestamp", "no closing bracket"),
            ("bucket(host)", "lacks its number"),
            ("bucket(0, host)", "no number above 0"),
            ("truncate(4294967295, host)", "no number above 0"),
            ("day()", "names no column"),
            ("", "names no column"),
            ("day(day(host))", "names no column"),
        ] {
            let told = parse(&[form]).unwrap_err().to_string();
            assert!(told.contains(form) && told.contains(fault), "{told}");
        }
    }

    #[test]
    fn a_column_that_is_not_there_or_does_not_suit_is_told_with_the_nearest() {
        let schema = schema::page_views().unwrap();
        let told = |forms: &[&str]| parse(forms).unwrap().spec(&schema).unwrap_err().to_string();
        let unknown = told(&["geo.contry"]);
        assert!(unknown.contains("did you mean geo.country? There are event_id, event_timestamp"), "{unknown}");
        assert!(told(&["day(host)"]).contains("day(host)"));
        assert!(told(&["geo"]).contains("identity(geo)"));
        assert!(told(&["bucket(4, is_bot)"]).contains("bucket"));
        assert!(told(&["truncate(4, event_timestamp)"]).contains("truncate"));
        assert!(told(&["host", "host"]).contains("identity(host)"));
    }
}
