//! Files that nothing names go, and no other.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use iceberg::expr::Predicate;
use serde_json::json;
use warehouse::MaintenanceConfig;

use super::*;

/// Keeps nothing that is not needed this moment.
fn at_once() -> MaintenanceConfig {
    MaintenanceConfig {
        snapshot_min_count: 1,
        snapshot_max_age_ms: 0,
        snapshot_min_age_ms: 0,
        unreferenced_grace_ms: 0,
        metadata_grace_ms: 0,
        ..MaintenanceConfig::default()
    }
}

fn metadata_files(folder: &Path, ending: &str) -> usize {
    let files = fs::read_dir(folder.join("warehouse/web/page_views/metadata")).unwrap();
    files.filter(|file| file.as_ref().unwrap().file_name().to_str().unwrap().ends_with(ending)).count()
}

/// A file in the data folder that a crash left so long ago.
fn left(folder: &Path, name: &str, hours: u64) -> PathBuf {
    let path = folder.join("warehouse/web/page_views/data").join(name);
    fs::write(&path, "half").unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
    path
}

#[tokio::test]
async fn what_was_merged_and_what_old_metadata_named_goes_and_no_row_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    run_pyiceberg(
        folder.path(),
        "with table.transaction() as t: t.set_properties({'write.metadata.previous-versions-max': '3'})",
    );
    deliver_each(&mut table, 6).await;
    let before = rows(folder.path());
    let done = table.maintain(&at_once(), false).await.unwrap();
    assert!(done.files_removed >= 12 && done.bytes_removed >= done.bytes_compacted, "{done:?}");
    assert_eq!((data_files(folder.path()).len(), listed(folder.path()).await.len()), (2, 2));
    assert_eq!(metadata_files(folder.path(), ".metadata.json"), 4, "the current one and three before");
    assert_eq!(rows(folder.path()), before);
    deliver_each(&mut table, 1).await;
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 14);
}

#[tokio::test]
async fn old_leftovers_go_and_young_ones_stay_as_do_files_of_other_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 1).await;
    let old = [left(folder.path(), "a.parquet", 25), left(folder.path(), ".b.parquet.part", 25)];
    let stays = [left(folder.path(), "c.parquet", 23), left(folder.path(), "notes.txt", 99)];
    let told = table.maintain(&MaintenanceConfig::default(), true).await.unwrap();
    assert_eq!((told.files_removed, told.bytes_removed), (2, 8));
    assert!(old.iter().chain(&stays).all(|file| file.exists()));
    let done = table.maintain(&MaintenanceConfig::default(), false).await.unwrap();
    assert_eq!((done.files_removed, done.bytes_removed), (2, 8));
    assert!(old.iter().all(|file| !file.exists()) && stays.iter().all(|file| file.exists()));
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 2);
}

#[tokio::test]
async fn files_that_wait_for_their_commit_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 6).await;
    let mut writer = table.writer().unwrap();
    writer.write(vec![[view(12, 10)]]).await.unwrap();
    let staged = writer.close().await.unwrap();
    let grace = MaintenanceConfig { unreferenced_grace_ms: 3_600_000, ..at_once() };
    open(folder.path()).await.maintain(&grace, false).await.unwrap();
    table.append(staged, &advance(Some(12), 13)).await.unwrap();
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 13, "distinct_ids": 13}));
    }
}

#[tokio::test]
async fn what_another_engine_wrote_and_a_tag_names_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 6).await;
    let theirs = "table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, 'kept').commit()\n\
                  table.refresh().append(table.scan(row_filter='log_offset = 0').to_arrow())";
    run_pyiceberg(folder.path(), theirs);
    table.maintain(&at_once(), false).await.unwrap();
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 13);
    run_pyiceberg(
        folder.path(),
        "assert len(table.scan(snapshot_id=table.snapshot_by_name('kept').snapshot_id).to_arrow()) == 12",
    );
}

#[tokio::test]
async fn ended_at_any_instant_it_leaves_nothing_that_the_next_round_does_not_find() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 5).await;
    for polls in (1..).step_by(43) {
        let mut ended = open(folder.path()).await;
        let settings = at_once();
        let round = ended.maintain(&settings, false);
        let through = polled_at_most(polls, &mut Box::pin(round)).await;
        assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 10, "after {polls} polls");
        if through.is_some() {
            break;
        }
    }
    table.maintain(&at_once(), false).await.unwrap();
    assert_eq!((data_files(folder.path()).len(), listed(folder.path()).await.len()), (2, 2));
}
