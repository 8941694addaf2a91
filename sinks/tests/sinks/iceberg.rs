//! What only the Iceberg sink promises.

use std::path::Path;

use event::Positions;
use pipeline::{Sink, SinkError};
use sinks::iceberg::{Config, IcebergSink};
use testkit::services::python::printed_by_python;

use crate::events::{TOPIC, batch, step};

fn sink(folder: &Path) -> IcebergSink {
    IcebergSink::new(folder, &Config::default())
}

/// Every data file, complete or not.
fn data_files(folder: &Path) -> usize {
    let days = std::fs::read_dir(folder.join("warehouse/web/page_views/data")).into_iter().flatten();
    days.map(|day| std::fs::read_dir(day.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn a_table_that_cannot_be_opened_is_tried_again_until_it_can() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    std::fs::write(&folder, "in the way").unwrap();
    let mut sink = sink(&folder);
    assert!(matches!(sink.resume(TOPIC).await, Err(SinkError::Retry { .. })));
    sink.write(&batch(0..1)).await.unwrap();
    assert!(matches!(sink.commit(&step(0, None, 1)).await, Err(SinkError::Retry { .. })));
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(sink.resume(TOPIC).await.unwrap(), Positions::default());
    sink.write(&batch(0..1)).await.unwrap();
    sink.commit(&step(0, None, 1)).await.unwrap();
}

#[tokio::test]
async fn only_committed_files_stay_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    (config.files.open_files, config.files.buffer_bytes, config.files.spill_bytes) = (0, 1, 0);
    let mut sink = IcebergSink::new(folder.path(), &config);
    sink.resume(TOPIC).await.unwrap();
    sink.write(&batch(0..10_000)).await.unwrap();
    assert!(data_files(folder.path()) > 0, "what fits nowhere else is in data files before its commit");
    sink.resume(TOPIC).await.unwrap();
    assert_eq!(data_files(folder.path()), 0);
    sink.write(&batch(0..2)).await.unwrap();
    sink.commit(&step(0, None, 2)).await.unwrap();
    sink.write(&batch(0..2)).await.unwrap();
    assert!(matches!(sink.commit(&step(0, None, 2)).await, Err(SinkError::Moved)));
    assert_eq!(data_files(folder.path()), 1);
}

#[tokio::test]
async fn damage_to_a_metadata_file_is_an_error_and_never_an_empty_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path());
    sink.resume(TOPIC).await.unwrap();
    sink.write(&batch(0..2)).await.unwrap();
    sink.commit(&step(0, None, 2)).await.unwrap();
    for file in std::fs::read_dir(folder.path().join("warehouse/web/page_views/metadata")).unwrap() {
        std::fs::write(file.unwrap().path(), "{}").unwrap();
    }
    assert!(matches!(sink.resume(TOPIC).await, Err(SinkError::Retry { .. })));
}

#[tokio::test]
async fn rows_that_another_engine_took_back_are_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path());
    sink.resume(TOPIC).await.unwrap();
    for offset in 0..3 {
        sink.write(&batch(offset..offset + 1)).await.unwrap();
        sink.commit(&step(0, (offset > 0).then_some(offset), offset + 1)).await.unwrap();
    }
    let back = format!(
        "from pyiceberg.catalog.sql import SqlCatalog\n\
         table = SqlCatalog('pageberg', uri='sqlite:///{}/catalog.sqlite').load_table('web.page_views')\n\
         table.manage_snapshots().rollback_to_snapshot(table.current_snapshot().parent_snapshot_id).commit()",
        folder.path().display()
    );
    tokio::task::spawn_blocking(move || printed_by_python(&["-c", &back])).await.unwrap();
    sink.write(&batch(3..4)).await.unwrap();
    assert!(matches!(sink.commit(&step(0, Some(3), 4)).await, Err(SinkError::Moved)));
    assert_eq!(sink.resume(TOPIC).await.unwrap().get(0), Some(2));
    sink.write(&batch(2..4)).await.unwrap();
    sink.commit(&step(0, Some(2), 4)).await.unwrap();
}

#[tokio::test]
async fn a_data_folder_that_is_removed_is_told_and_nothing_is_begun_in_its_place() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let mut sink = sink(&folder);
    sink.resume(TOPIC).await.unwrap();
    sink.write(&batch(0..1)).await.unwrap();
    sink.commit(&step(0, None, 1)).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    sink.write(&batch(1..2)).await.unwrap();
    assert!(matches!(sink.commit(&step(0, Some(1), 2)).await, Err(SinkError::Retry { .. })));
    let gone = sink.resume(TOPIC).await.unwrap_err();
    assert!(matches!(&gone, SinkError::Retry { source, .. } if source.to_string().contains("was removed")), "{gone:?}");
    std::fs::create_dir_all(&folder).unwrap();
    sinks::iceberg::maintain(&folder, &Config::default(), false).await.unwrap();
    assert!(!folder.join("catalog.sqlite").exists());
    assert!(sink.resume(TOPIC).await.is_err());
}

#[tokio::test]
async fn a_warehouse_that_is_removed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path());
    sink.resume(TOPIC).await.unwrap();
    sink.write(&batch(0..1)).await.unwrap();
    sink.commit(&step(0, None, 1)).await.unwrap();
    std::fs::remove_dir_all(folder.path().join("warehouse")).unwrap();
    sink.write(&batch(1..2)).await.unwrap();
    assert!(matches!(sink.commit(&step(0, Some(1), 2)).await, Err(SinkError::Retry { .. })));
    assert!(matches!(sink.resume(TOPIC).await, Err(SinkError::Retry { .. })));
}
