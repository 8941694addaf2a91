//! Columns, partitions and the order of rows that another engine has changed: rows go on being written, or it is said why not.

use std::path::Path;
use std::sync::Arc;

use event::{Enriched, Place};
use serde_json::{Value, json};
use warehouse::{Error, KeptLetter, MaintenanceConfig, Table};

use crate::table::reenrich::reenrich;
use lakekit::table::*;

const IMPORTS: &str = "\
from pyiceberg.types import *
from pyiceberg.transforms import *
def change(incompatible=False):
    return table.update_schema(allow_incompatible_changes=incompatible)
";

fn change(folder: &Path, lines: &str) {
    run_pyiceberg(folder, &format!("{IMPORTS}{lines}"));
}

/// An event with something in every column whose type can be promoted.
fn event(offset: i64) -> Enriched {
    let mut enriched = with_url(offset, format!("https://shop.example/{offset}"));
    enriched.place = Arc::new(Place { accuracy_km: Some(7), latitude: Some(0.5), ..Place::default() });
    enriched.position.partition = 3;
    enriched
}

/// Writes the event 0, lets others change the table, then writes 1 by the writer that had it open and 2 by a new one.
async fn changed(lines: &str) -> (tempfile::TempDir, Table) {
    let folder = tempfile::tempdir().unwrap();
    let mut running = open(folder.path()).await;
    deliver(&mut running, &[event(0)]).await;
    change(folder.path(), lines);
    deliver(&mut running, &[event(1)]).await;
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[event(2)]).await;
    (folder, table)
}

/// What both readers find in the column of each of the rows.
fn assert_all(folder: &Path, column: &str, expected: &Value) {
    for rows in both_readers(folder, &["rows"]) {
        let found: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row[column]).collect();
        assert_eq!(found, [expected; 3], "{column}");
    }
}

#[tokio::test]
async fn rows_are_written_in_the_types_that_others_have_promoted() {
    let lines = "with change() as update:\n    update.update_column('log_partition', LongType())\n    \
        update.update_column(('geo', 'accuracy_km'), LongType())";
    let (folder, mut table) = changed(lines).await;
    assert_all(folder.path(), "log_partition", &json!(3));
    for rows in both_readers(folder.path(), &["rows"]) {
        assert!(rows.as_array().unwrap().iter().all(|row| row["geo"]["accuracy_km"] == 7), "{rows}");
    }
    let settings = MaintenanceConfig { min_small_files: 2, ..MaintenanceConfig::default() };
    assert_eq!(table.maintain(&settings, false).await.unwrap().files_compacted, 3);
    reenrich(&mut table, 0..30_000).await;
    assert_all(folder.path(), "log_partition", &json!(3));
}

#[tokio::test]
async fn texts_that_others_have_made_bytes_are_written() {
    let (folder, _) = changed("with change() as update: update.update_column('url', BinaryType())").await;
    let count = run_pyiceberg(folder.path(), "print(table.scan(row_filter=\"log_offset >= 0\").count())");
    assert_eq!(count.trim(), "3");
}

#[tokio::test]
async fn dead_letters_are_written_in_the_types_that_others_have_promoted() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await;
    let mut config = warehouse::Config::default();
    config.table.name = "dead_letters".to_owned();
    drop(Table::open_dead_letters(folder.path(), &config).await.unwrap());
    change(
        folder.path(),
        "table = catalog.load_table('web.dead_letters')\nwith change() as update:\n    \
         update.update_column('log_partition', LongType())\n    update.update_column('letter_partition', LongType())",
    );
    let mut table = Table::open_dead_letters(folder.path(), &config).await.unwrap();
    let at = |topic: &str, offset| event::LogPosition { topic: topic.into(), partition: 0, offset };
    let letter = event::DeadLetter {
        payload: b"x".as_slice().into(),
        stage: event::Stage::Decode,
        reason: "no JSON".to_owned(),
        position: at(TOPIC, 0),
        time: time("2026-01-31T09:30:00Z"),
    };
    let kept = KeptLetter { letter, kept_at: at("dead", 0), dead_at: time("2026-01-31T09:30:00Z") };
    let mut writer = table.writer().unwrap();
    writer.write_dead_letters(vec![kept]).await.unwrap();
    let files = writer.close().await.unwrap();
    table.append(files, &advance(None, 1)).await.unwrap();
    let count = run_pyiceberg(folder.path(), "print(catalog.load_table('web.dead_letters').scan().count())");
    assert_eq!(count.trim(), "1");
}

#[tokio::test]
async fn columns_that_others_have_renamed_moved_dropped_or_added_hold_up_nothing() {
    let lines = "with change() as update:\n    \
        update.rename_column('log_topic', 'topic')\n    \
        update.rename_column(('geo', 'latitude'), 'north')\n    \
        update.move_first('log_offset')\n    \
        [update.delete_column(name) for name in ('late', 'host', 'event_id', 'is_bot', 'query')]\n    \
        update.delete_column(('geo', 'city'))\n    \
        update.add_column(('geo', 'mood'), StringType())\n    \
        update.add_column('host', LongType())\n    \
        update.make_column_optional('received_at')";
    let (folder, _) = changed(lines).await;
    assert_all(folder.path(), "topic", &json!(TOPIC));
    assert_all(folder.path(), "host", &Value::Null);
    for rows in both_readers(folder.path(), &["rows"]) {
        assert!(rows.as_array().unwrap().iter().all(|row| row["geo"]["north"] == 0.5), "{rows}");
    }
}

#[tokio::test]
async fn partitions_and_sort_orders_of_others_are_followed() {
    let lines = "with table.update_spec() as update:\n    \
        update.remove_field('event_timestamp_day')\n    \
        update.add_field('log_partition', BucketTransform(4), 'part')\n    \
        update.add_identity('log_partition')\n\
        with table.update_sort_order() as update: update.desc('url', IdentityTransform())\n\
        with change() as update: update.update_column('log_partition', LongType())";
    let (folder, mut table) = changed(lines).await;
    assert_all(folder.path(), "log_partition", &json!(3));
    let specs: Vec<i32> =
        listed(folder.path()).await.iter().map(|file| file.partition().fields().len() as i32).collect();
    assert_eq!(specs.iter().max(), Some(&2));
    let settings = MaintenanceConfig { min_small_files: 2, settled_after_ms: 0, ..MaintenanceConfig::default() };
    table.maintain(&settings, false).await.unwrap();
    assert_all(folder.path(), "log_partition", &json!(3));
}

async fn refused(lines: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    deliver(&mut open(folder.path()).await, &[event(0)]).await;
    change(folder.path(), lines);
    let table = Table::open(folder.path(), &warehouse::Config::default()).await.unwrap();
    let refused = match table.writer() {
        Ok(mut writer) => writer.write(vec![[event(1)]]).await.unwrap_err(),
        Err(refused) => refused,
    };
    assert!(matches!(refused, Error::Unfit { .. }), "{refused:?}");
    refused.to_string()
}

#[tokio::test]
async fn a_column_that_cannot_be_filled_any_more_is_told_in_one_sentence() {
    let told = refused("with change(True) as update: update.update_column('site', required=True)").await;
    assert!(told.contains("column site must not be null") && told.contains("make it optional"), "{told}");
    let told = refused("with change(True) as update: update.add_column('must', StringType(), required=True)").await;
    assert!(told.contains("column must must not be null"), "{told}");
}
