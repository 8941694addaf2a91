//! Positions belong to the snapshot that readers see, whatever other engines do to the table's history.

use std::path::Path;

use event::EventId;
use serde_json::json;
use warehouse::{Config, DataFiles, Error, MaintenanceConfig, Table};

use lakekit::table::*;

/// Lines that name `ours`, the snapshots of the rows that were delivered one by one, and `first`, the empty one.
const OURS: &str = "\
def snapshots():
    return [s.snapshot_id for s in sorted(table.refresh().snapshots(), key=lambda s: s.sequence_number)]
first, *ours = snapshots()
rows = table.scan().to_arrow()
def expire_others():
    table.maintenance.expire_snapshots().by_ids(snapshots()[:-1]).commit()
def append_like(picked):
    snapshot = table.snapshot_by_id(picked)
    entries = [entry for manifest in snapshot.manifests(table.io) for entry in manifest.fetch_manifest_entry(table.io)]
    with table.transaction() as changes:
        with changes.update_snapshot({'source-snapshot-id': str(picked)}).fast_append() as append:
            [append.append_data_file(entry.data_file) for entry in entries if entry.snapshot_id == picked]
";

/// A table with the rows 0, 1 and 2 in a snapshot each, of which others then make something.
async fn changed_by_others(lines: &str) -> (tempfile::TempDir, Table) {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    for offset in 0..3 {
        deliver(&mut table, &[bare(offset)]).await;
    }
    run_pyiceberg(folder.path(), &format!("{OURS}{lines}"));
    (folder, table)
}

async fn position(folder: &Path) -> Option<i64> {
    open(folder).await.positions(TOPIC).unwrap().get(0)
}

async fn refusal(folder: &Path) -> String {
    let refused = Table::open(folder, &Config::default()).await.err().unwrap();
    assert!(matches!(refused, Error::PositionsUnknown { .. }), "{refused}");
    refused.to_string()
}

/// That readers see each of the events from 0 on once.
fn assert_seen_once(folder: &Path, events: i64) {
    let ids = (0..events).map(|offset| bare(offset).event.id);
    let mut ids: Vec<String> = ids.map(|id: EventId| id.to_string()).collect();
    ids.sort();
    for seen in both_readers(folder, &["ids"]) {
        assert_eq!(seen, json!(ids));
    }
}

#[tokio::test]
async fn rows_that_were_taken_back_are_written_again() {
    for lines in [
        "table.manage_snapshots().rollback_to_snapshot(ours[1]).commit()",
        "table.manage_snapshots().set_current_snapshot(ours[1]).commit()",
        "table.manage_snapshots().create_branch(ours[1], 'good').commit()\n\
         table.manage_snapshots().set_current_snapshot(ref_name='good').commit()",
    ] {
        let (folder, mut running) = changed_by_others(lines).await;
        let overtaken = running.append(DataFiles::default(), &advance(Some(3), 4)).await;
        assert!(matches!(overtaken, Err(Error::Moved)), "{lines}: {overtaken:?}");
        let mut table = open(folder.path()).await;
        assert_eq!(table.positions(TOPIC).unwrap().get(0), Some(2), "{lines}");
        deliver(&mut table, &[bare(2), bare(3)]).await;
        assert_seen_once(folder.path(), 4);
        assert_eq!(position(folder.path()).await, Some(4));
    }
}

#[tokio::test]
async fn a_table_that_was_taken_back_to_its_beginning_begins_again() {
    let (folder, _) = changed_by_others("table.manage_snapshots().rollback_to_snapshot(first).commit()").await;
    let mut table = open(folder.path()).await;
    assert!(table.positions(TOPIC).unwrap().is_empty());
    deliver(&mut table, &[bare(0)]).await;
    assert_seen_once(folder.path(), 1);
}

#[tokio::test]
async fn maintenance_and_others_rows_after_a_rollback_move_nothing() {
    let lines = "table.manage_snapshots().rollback_to_snapshot(ours[1]).commit()\n\
        table.refresh().append(rows.slice(0, 1))";
    let (folder, mut table) = changed_by_others(lines).await;
    let settings = MaintenanceConfig { min_small_files: 2, min_small_manifests: 2, ..MaintenanceConfig::default() };
    let done = table.maintain(&settings, false).await.unwrap();
    assert_eq!((done.files_compacted, position(folder.path()).await), (3, Some(2)));
    let status = table.status(&[], warehouse::inspect::Limits { small_bytes: 1, target_bytes: 2 }).await.unwrap();
    assert_eq!(status.positions["raw_events/0"], 2);
}

#[tokio::test]
async fn snapshots_that_others_expired_are_remembered() {
    for lines in [
        "table.append(rows)\nexpire_others()",
        "table.append(rows)\ntable.append(rows)\nexpire_others()",
        "table.append(rows)\ntable.append(rows)\nexpire_others()\ntable.append(rows)\nexpire_others()",
    ] {
        let (folder, _) = changed_by_others(lines).await;
        assert_eq!(position(folder.path()).await, Some(3), "{lines}");
        run_pyiceberg(folder.path(), &format!("{OURS}table.append(rows)\nexpire_others()"));
        assert_eq!(position(folder.path()).await, Some(3), "{lines}, and once more");
    }
}

#[tokio::test]
async fn expired_snapshots_do_not_hide_a_rollback() {
    let lines = "table.manage_snapshots().rollback_to_snapshot(ours[0]).commit()\n\
        table.refresh().append(rows)\ntable.append(rows)\nexpire_others()";
    let (folder, _) = changed_by_others(lines).await;
    assert_eq!(position(folder.path()).await, Some(1));
}

#[tokio::test]
async fn a_rollback_to_anothers_snapshot_whose_ancestors_were_expired_is_told_by_older_metadata() {
    let (folder, _) = changed_by_others("table.append(rows)").await;
    deliver(&mut open(folder.path()).await, &[bare(3)]).await;
    let lines = "anothers = snapshots()[-2]\ntable.manage_snapshots().rollback_to_snapshot(anothers).commit()\n\
        old = [snapshot for snapshot in snapshots() if snapshot != anothers]\n\
        table.maintenance.expire_snapshots().by_ids(old).commit()";
    run_pyiceberg(folder.path(), &format!("{OURS}{lines}"));
    assert_eq!(position(folder.path()).await, Some(3));
}

#[tokio::test]
async fn what_nobody_can_tell_stops_the_table_until_somebody_says() {
    let lines = "table.append(rows)\ntable.append(rows)\nexpire_others()\nimport pathlib\n\
        [pathlib.Path(entry.metadata_file.removeprefix('file://')).unlink() for entry in table.refresh().metadata.metadata_log]";
    let (folder, mut running) = changed_by_others(lines).await;
    let told = refusal(folder.path()).await;
    assert!(told.contains("pageberg.positions.snapshot-id"), "{told}");
    let refused = running.append(DataFiles::default(), &advance(Some(3), 4)).await;
    assert!(matches!(refused, Err(Error::PositionsUnknown { .. })), "{refused:?}");

    let say = "id = str(table.current_snapshot().snapshot_id)\n\
        table.transaction().set_properties({'pageberg.positions.snapshot-id': id}).commit_transaction()";
    run_pyiceberg(folder.path(), say);
    assert_eq!(position(folder.path()).await, Some(3));
    deliver(&mut open(folder.path()).await, &[bare(3)]).await;
    assert_eq!(position(folder.path()).await, Some(4));
}

#[tokio::test]
async fn a_table_that_was_replaced_stops_or_begins_again() {
    let replace = "from pyiceberg.table.update import RemoveSnapshotRefUpdate\n\
        table.transaction()._apply((RemoveSnapshotRefUpdate(ref_name='main'),)).commit_transaction()\n";
    let (folder, _) = changed_by_others(replace).await;
    assert_eq!(position(folder.path()).await, None, "readers see no row");
    let (folder, _) = changed_by_others(&format!("{replace}table.refresh().append(rows)")).await;
    refusal(folder.path()).await;
    let remove = "table.transaction().remove_properties('pageberg.position.raw_events.0').commit_transaction()";
    run_pyiceberg(folder.path(), remove);
    assert_eq!(position(folder.path()).await, None);
}

#[tokio::test]
async fn a_snapshot_that_was_picked_brings_its_step() {
    let picked = "table.manage_snapshots().rollback_to_snapshot(ours[0]).commit()\n\
        table.refresh().append(rows.slice(0, 0))\n";
    let (folder, _) = changed_by_others(&format!("{picked}append_like(ours[1])")).await;
    let mut table = open(folder.path()).await;
    assert_eq!(table.positions(TOPIC).unwrap().get(0), Some(2));
    deliver(&mut table, &[bare(2)]).await;
    assert_seen_once(folder.path(), 3);
    let (folder, _) = changed_by_others(&format!("{picked}append_like(ours[2])")).await;
    refusal(folder.path()).await;
}

#[tokio::test]
async fn properties_of_an_older_release_are_believed() {
    let lines = "table.append(rows)\nexpire_others()\n\
        table.transaction().remove_properties(*[key for key in table.properties if 'positions.' in key]).commit_transaction()";
    let (folder, _) = changed_by_others(lines).await;
    assert_eq!(position(folder.path()).await, Some(3));
    deliver(&mut open(folder.path()).await, &[bare(3)]).await;
    run_pyiceberg(
        folder.path(),
        "id = table.current_snapshot().parent_snapshot_id\ntable.manage_snapshots().set_current_snapshot(id).commit()",
    );
    assert_eq!(position(folder.path()).await, Some(3));
}
