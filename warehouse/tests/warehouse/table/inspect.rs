//! How the table stands, compared with what PyIceberg finds.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use warehouse::inspect::{DataFileStatus, Limits, TableStatus, partitions};
use warehouse::{Config, Error, FilesConfig, MaintenanceConfig, Table};

use lakekit::table::*;
use testkit::services::python::printed_by_python;

const DAY: i64 = 86_400_000_000;
const LIMITS: Limits = Limits { small_bytes: 1 << 20, target_bytes: 2 << 20 };

/// Three commits to days 10 and 11, then one of PyIceberg's that takes day 10 away, and a tag on the second.
async fn filled(folder: &Path) -> Table {
    let mut table = open(folder).await;
    for offset in [0, 2, 4] {
        deliver(&mut table, &[at_micros(offset, 10 * DAY + 1), at_micros(offset + 1, 11 * DAY + offset)]).await;
    }
    run_pyiceberg(
        folder,
        "table.manage_snapshots().create_tag(table.history()[2].snapshot_id, 'kept').commit()\n\
         table.delete(\"event_timestamp < '1970-01-12T00:00:00+00:00'\")",
    );
    existing(folder).await
}

async fn existing(folder: &Path) -> Table {
    Table::open_existing(folder, &Config::default()).await.unwrap()
}

async fn status(table: &Table) -> (Vec<DataFileStatus>, TableStatus) {
    let mut watched = Vec::new();
    let files = table.files(|done, of| watched.push((done, of))).await.unwrap();
    assert!(watched.iter().enumerate().all(|(index, (done, of))| *done == index + 1 && done <= of), "{watched:?}");
    let status = table.status(&files, LIMITS).await.unwrap();
    (files, status)
}

/// What a view of PyIceberg's `inspect` holds.
fn inspected(folder: &Path, view: &str) -> Vec<Value> {
    let script = format!(
        "import json\n\
         from pyiceberg.catalog.sql import SqlCatalog\n\
         catalog = SqlCatalog('pageberg', uri='sqlite:///{}/catalog.sqlite')\n\
         rows = catalog.load_table('web.page_views').inspect.{view}().to_pylist()\n\
         print(json.dumps(rows, default=str))\n",
        folder.display()
    );
    serde_json::from_str(&printed_by_python(&["-c", &script])).unwrap()
}

/// These keys of each row, the rows in any order.
fn picked(rows: &[Value], keys: &[&str]) -> BTreeSet<String> {
    rows.iter().map(|row| keys.iter().map(|key| format!("{key}={} ", row[key])).collect()).collect()
}

fn json<T: serde::Serialize>(told: &[T]) -> Vec<Value> {
    told.iter().map(|row| serde_json::to_value(row).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_agrees_with_pyiceberg() {
    let folder = tempfile::tempdir().unwrap();
    let table = filled(folder.path()).await;
    let (files, status) = status(&table).await;
    let agrees = |told: Vec<Value>, view: &str, keys: &[&str]| {
        let expected = inspected(folder.path(), view);
        assert_eq!(told.len(), expected.len(), "{view}");
        assert_eq!(picked(&told, keys), picked(&expected, keys), "{view}");
    };
    agrees(json(&files), "files", &["file_path", "record_count", "file_size_in_bytes", "spec_id"]);
    let sums = ["record_count", "file_count", "total_data_file_size_in_bytes", "spec_id"];
    agrees(json(&partitions(&files, LIMITS)), "partitions", &sums);
    let snapshots = table.snapshots().unwrap();
    agrees(json(&snapshots), "snapshots", &["snapshot_id", "parent_id", "operation", "manifest_list"]);
    agrees(json(&table.history()), "history", &["snapshot_id", "parent_id", "is_current_ancestor"]);
    agrees(json(&table.metadata_log()), "metadata_log_entries", &["file", "latest_snapshot_id"]);
    assert_eq!((status.rows, status.files, status.partitions), (3, 3, 1));
    let vitals = table.vitals().await.unwrap();
    assert_eq!((vitals.rows, vitals.files, vitals.bytes), (3, 3, status.bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_tell_who_did_what_and_where_the_log_stood() {
    let folder = tempfile::tempdir().unwrap();
    let table = filled(folder.path()).await;
    let snapshots = table.snapshots().unwrap();
    let told: Vec<_> = snapshots
        .iter()
        .map(|told| (told.operation.as_str(), told.written_by.as_deref(), told.added_rows, told.deleted_rows))
        .collect();
    let ours = ("append", Some("pageberg"), Some(2), None);
    let first = ("append", Some("pageberg"), None, None);
    assert_eq!(told, [("delete", None, None, Some(3)), ours, ours, ours, first]);
    let positions = |index: usize| snapshots[index].positions.get("raw_events/0").copied();
    assert_eq!([positions(0), positions(1), positions(3)], [None, Some(6), Some(2)]);
    let named = |index: usize| snapshots[index].refs.iter().map(|named| (named.name.as_str(), named.kind)).collect();
    let names: [Vec<_>; 3] = [named(0), named(2), named(3)];
    assert_eq!(names, [vec![("main", "branch")], vec![("kept", "tag")], vec![]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_sizes_small_files_freshness_and_the_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    let (_, empty) = status(&existing(folder.path()).await).await;
    assert_eq!((empty.rows, empty.files, empty.snapshots, empty.newest_received_at), (0, 0, 1, None));
    for offset in [0, 2] {
        deliver(&mut table, &[at_micros(offset, 10 * DAY), at_micros(offset + 1, 11 * DAY + offset)]).await;
    }
    let (files, told) = status(&existing(folder.path()).await).await;
    assert_eq!((told.name.as_str(), told.format_version, told.rows, told.files), ("web.page_views", 2, 4, 4));
    assert_eq!((told.partitions, told.partitions_to_compact, told.snapshots, told.commits_last_hour), (2, 2, 3, 3));
    assert_eq!((told.small_files.files, told.small_files.file_share, told.small_files.byte_share), (4, 1.0, 1.0));
    assert_eq!(told.bytes, files.iter().map(|file| file.file_size_in_bytes).sum::<u64>());
    assert_eq!(told.partition_spec, ["day(event_timestamp)"]);
    assert_eq!(told.newest_received_at, Some(time("2026-01-31T09:30:00Z")));
    assert_eq!(told.last_event_at.map(|time| time.micros()), Some(11 * DAY + 2));
    assert_eq!(told.positions["raw_events/0"], 4);
    assert_eq!(told.last_commit.unwrap().added_rows, Some(2));
    assert!(told.last_append_at.is_some() && told.last_rewrite_at.is_none() && told.metadata_bytes > 0);

    let settings = MaintenanceConfig { min_small_files: 2, ..MaintenanceConfig::default() };
    table.maintain(&settings, false).await.unwrap();
    let (_, told) = status(&existing(folder.path()).await).await;
    assert_eq!((told.files, told.partitions_to_compact, told.last_rewrite_at.is_some()), (2, 0, true));
    let limits = Limits::of(&FilesConfig::default(), &settings);
    assert_eq!((limits.target_bytes, limits.small_bytes), (128 << 20, 96 << 20));
}

#[tokio::test]
async fn a_table_that_is_not_there_is_not_made() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let missing = |opened: Result<Table, Error>| match opened {
        Err(error @ Error::NoTable { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("there is none"),
    };
    let told = missing(Table::open_existing(&folder, &Config::default()).await);
    assert!(told.contains("web.page_views") && !folder.exists(), "{told}");
    open(&folder).await;
    let mut another = Config::default();
    another.table.name = "dead_letters".to_owned();
    missing(Table::open_existing(&folder, &another).await);
    another.table.namespace = "shop".to_owned();
    missing(Table::open_existing(&folder, &another).await);
}
