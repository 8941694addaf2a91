//! Partitions by configuration.

use std::path::Path;
use std::sync::Arc;

use event::{Enriched, Place, Text};
use iceberg::expr::{Predicate, Reference};
use iceberg::spec::Datum;
use serde_json::{Value, json};
use warehouse::{Config, Table};

use lakekit::table::*;

fn by(partitions: &[&str]) -> Config {
    let mut config = Config::default();
    config.table.partition_by = Some(partitions.iter().map(|text| (*text).to_owned()).collect());
    config
}

/// What no folder's name should hold, and null.
const HOSTS: [Option<&str>; 8] = [
    None,
    Some(""),
    Some("shop.example"),
    Some("a/b=c?d%e#f"),
    Some("bücher.example 🛒"),
    Some(".."),
    Some("null"),
    Some("\\'\"{}:*<>|"),
];

/// Events of all kinds: hosts with odd characters, countries and none, two years.
fn events() -> Vec<Enriched> {
    let hosts = HOSTS.into_iter().map(|host| host.map(str::to_owned)).chain([Some("long".repeat(500))]);
    hosts
        .cycle()
        .take(36)
        .zip(0..)
        .map(|(host, offset)| {
            let mut enriched = at_micros(offset, offset % 4 * 200 * 86_400_000_000 + offset * 3_600_000_000);
            enriched.event.set(Text::Url, host.as_ref().map(|host| format!("https://{host}/{offset}")).as_deref());
            enriched.event.set(Text::Host, host.as_deref());
            let country = ["DE", "FR", ""][offset as usize % 3];
            let country = (!country.is_empty()).then(|| country.into());
            enriched.place = Arc::new(Place { country, ..Place::default() });
            enriched.late = offset % 2 == 0;
            enriched
        })
        .collect()
}

/// The rows that Iceberg's own scan finds where a column has a value.
async fn scanned(folder: &Path, column: &str, value: &Value) -> usize {
    let column = Reference::new(column);
    let filter = match value {
        Value::Null => column.is_null(),
        Value::Bool(flag) => column.equal_to(Datum::bool(*flag)),
        Value::Number(number) => column.equal_to(Datum::long(number.as_i64().unwrap())),
        text => column.equal_to(Datum::string(text.as_str().unwrap())),
    };
    scan(folder, filter).await
}

/// Every reader finds so many rows where a column has a value.
async fn assert_found(folder: &Path, expected: &[(&str, Value, usize)], what: &str) {
    let pairs: Vec<Value> = expected.iter().map(|(column, value, _)| json!([column, value])).collect();
    let counts: Vec<usize> = expected.iter().map(|(_, _, rows)| *rows).collect();
    for found in both_readers(folder, &["equal", &Value::from(pairs.clone()).to_string()]) {
        assert_eq!(found, json!(counts), "{what}: {pairs:?}");
    }
    // Iceberg's own scan does not know how to filter by a column within another.
    for (column, value, rows) in expected.iter().filter(|(column, ..)| !column.contains('.')) {
        assert_eq!(scanned(folder, column, value).await, *rows, "{what}: {column} = {value}");
    }
}

async fn written(partitions: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut table = Table::open(folder.path(), &by(partitions)).await.unwrap();
    let events = events();
    deliver(&mut table, &events[..20]).await;
    deliver(&mut Table::open(folder.path(), &by(partitions)).await.unwrap(), &events[20..]).await;
    folder
}

#[tokio::test]
async fn whatever_a_table_is_partitioned_by_readers_find_every_row() {
    for partitions in [
        &["year(event_timestamp)", "bucket(4, host)"][..],
        &["month(event_timestamp)", "identity(late)"],
        &["hour(received_at)", "truncate(9, url)"],
        &["geo.country", "truncate(10, log_offset)"],
        &["host", "bucket(3, geo.country)"],
        &["bucket(5, log_offset)", "bucket(2, event_timestamp)", "log_partition"],
        &[],
    ] {
        let folder = written(partitions).await;
        assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 36, "{partitions:?}");
        let expected = [
            ("host", Value::Null, 4),
            ("host", json!(""), 4),
            ("host", json!("a/b=c?d%e#f"), 4),
            ("geo.country", json!("DE"), 12),
            ("geo.country", Value::Null, 12),
            ("log_offset", json!(17), 1),
            ("late", json!(true), 18),
        ];
        assert_found(folder.path(), &expected, &format!("{partitions:?}")).await;
    }
}

#[tokio::test]
async fn folders_have_plain_and_short_names_whatever_the_values() {
    let folder = written(&["host", "url"]).await;
    let files = data_files(folder.path());
    assert_eq!(files.len(), 34, "three rows without either value are in one file");
    for file in files {
        let inside = file.strip_prefix(folder.path().join("warehouse/web/page_views/data")).unwrap();
        let names: Vec<&str> = inside.iter().map(|name| name.to_str().unwrap()).collect();
        assert!(names.len() == 3 && names[0].starts_with("host=") && names[1].starts_with("url="), "{names:?}");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "=._-".contains(c);
        assert!(names.iter().all(|name| name.len() < 80 && name.chars().all(is_plain)), "{names:?}");
    }
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 36);
}

#[tokio::test]
async fn a_reader_that_asks_for_one_partition_opens_its_files_alone() {
    let folder = written(&["geo.country", "bucket(4, host)"]).await;
    let files = |filter: &str| {
        let planned = format!("print(len(list(table.scan(row_filter=\"{filter}\").plan_files())))");
        run_pyiceberg(folder.path(), &planned).trim().parse::<usize>().unwrap()
    };
    let all = files("late = true or late = false");
    let by_country = ["geo.country = 'DE'", "geo.country = 'FR'", "geo.country is null"].map(files);
    assert!(by_country.iter().sum::<usize>() == all && by_country.iter().all(|files| *files < all), "{by_country:?}");
    assert!(files("host = 'shop.example'") <= all / 2, "a bucket holds some of the hosts");
}

#[tokio::test]
async fn columns_of_any_release_and_made_of_properties_can_be_partitioned_by() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = by(&["event_name", "plan"]);
    config.table.property_columns = [("plan".to_owned(), "string(props.plan)".to_owned())].into();
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    let events: Vec<Enriched> =
        (0..6).map(|offset| with_plan(offset, &json!(["free", "pro"][offset as usize % 2]))).collect();
    deliver(&mut table, &events).await;
    assert_eq!(data_files(folder.path()).len(), 2);
    assert_found(folder.path(), &[("plan", json!("pro"), 3), ("event_name", json!("pageview"), 6)], "plan").await;
}

#[tokio::test]
async fn a_table_with_rows_is_refused_under_other_partitions_and_told_what_to_do() {
    let folder = written(&["hour(event_timestamp)"]).await;
    let refused = Table::open(folder.path(), &by(&["host"])).await.err().unwrap().to_string();
    for part in ["[\"hour(event_timestamp)\"]", "[\"identity(host)\"]", "table.name", "another engine"] {
        assert!(refused.contains(part), "{refused}");
    }
    let unset = Config::default();
    deliver(&mut Table::open(folder.path(), &unset).await.unwrap(), &[bare(100)]).await;
    let spec = |metadata: &iceberg::spec::TableMetadata| metadata.default_partition_spec().fields()[0].name.clone();
    assert_eq!(spec(other_table(folder.path()).await.metadata()), "event_timestamp_hour");
    run_pyiceberg(folder.path(), "with table.update_spec() as spec: spec.add_identity('host')");
    deliver(&mut Table::open(folder.path(), &unset).await.unwrap(), &[bare(101)]).await;
    let both = by(&["hour(event_timestamp)", "host"]);
    deliver(&mut Table::open(folder.path(), &both).await.unwrap(), &[bare(102)]).await;
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 39, "distinct_ids": 39}));
    }
}

#[tokio::test]
async fn a_table_without_rows_takes_the_partitions_that_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await;
    Table::open(folder.path(), &by(&["host"])).await.unwrap();
    deliver(&mut Table::open(folder.path(), &by(&[])).await.unwrap(), &events()).await;
    assert_eq!(data_files(folder.path()).len(), 1);
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 36);
}
