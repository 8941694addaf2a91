//! A whole table in a store, its catalog on local disk: written by pageberg, read by others, maintained.

use std::path::Path;

use serde_json::{Value, json};
use warehouse::{Config, MaintenanceConfig, Table};

use lakekit::catalogs::s3_storage;
use lakekit::table::{deliver, with_url};
use testkit::services::python::printed_by_python;
use testkit::services::stores;

/// What DuckDB and PyIceberg count, without anything of pageberg's.
fn counts(data_folder: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/warehouse/catalogs/read_stored.py");
    let catalog = data_folder.join("catalog.sqlite");
    let printed = printed_by_python(&[script.to_str().unwrap(), catalog.to_str().unwrap(), stores::s3()]);
    serde_json::from_str(&printed).unwrap()
}

async fn deliver_each(table: &mut Table, offsets: std::ops::Range<i64>) {
    for offset in offsets {
        deliver(table, &[with_url(offset, format!("https://example.org/{offset}"))]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_in_s3_is_read_by_others_and_kept_small() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { storage: s3_storage(stores::s3()), ..Config::default() };
    config.storage.location = format!("s3://{}/lake", stores::new_bucket());
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    deliver_each(&mut table, 0..6).await;
    assert_eq!(counts(folder.path()), json!({"duckdb": [6, 6], "pyiceberg": [6, 6]}));
    assert!(!folder.path().join("warehouse").exists());

    let at_once = MaintenanceConfig {
        snapshot_min_count: 1,
        snapshot_max_age_ms: 0,
        snapshot_min_age_ms: 0,
        unreferenced_grace_ms: 0,
        metadata_grace_ms: 0,
        ..MaintenanceConfig::default()
    };
    let done = table.maintain(&at_once, false).await.unwrap();
    assert_eq!((done.files_compacted, done.files_written), (6, 1));
    assert!(done.files_removed >= 6, "{done:?}");
    deliver_each(&mut Table::open(folder.path(), &config).await.unwrap(), 6..8).await;
    assert_eq!(counts(folder.path()), json!({"duckdb": [8, 8], "pyiceberg": [8, 8]}));
}
