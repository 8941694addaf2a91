//! Manifests become few and old snapshots go.

use iceberg::expr::Predicate;
use warehouse::MaintenanceConfig;

use super::*;

/// Merges manifests from three on; keeps all else as it is.
fn merging() -> MaintenanceConfig {
    MaintenanceConfig { min_small_files: 1_000, min_small_manifests: 3, ..MaintenanceConfig::default() }
}

/// Keeps the last two snapshots.
fn expiring() -> MaintenanceConfig {
    MaintenanceConfig {
        min_small_files: 1_000,
        snapshot_min_count: 2,
        snapshot_max_age_ms: 0,
        snapshot_min_age_ms: 0,
        ..MaintenanceConfig::default()
    }
}

async fn manifests(folder: &Path) -> usize {
    let table = other_table(folder).await;
    let list = table.manifest_list_reader(table.metadata().current_snapshot().unwrap()).load().await.unwrap();
    list.entries().len()
}

async fn snapshots(folder: &Path) -> usize {
    other_table(folder).await.metadata().snapshots().len()
}

#[tokio::test]
async fn many_manifests_become_one_that_lists_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 5).await;
    let (before, files) = (rows(folder.path()), listed(folder.path()).await.len());
    let told = table.maintain(&merging(), true).await.unwrap();
    assert_eq!((told.manifests_merged, manifests(folder.path()).await), (5, 5));
    let done = table.maintain(&merging(), false).await.unwrap();
    assert_eq!((done.manifests_merged, manifests(folder.path()).await), (5, 1));
    assert_eq!((rows(folder.path()), listed(folder.path()).await.len()), (before, files));
    let current = other_table(folder.path()).await;
    let summary = &current.metadata().current_snapshot().unwrap().summary().additional_properties;
    assert_eq!((summary["total-records"].as_str(), summary["total-data-files"].as_str()), ("10", "10"));
    deliver_each(&mut table, 1).await;
    assert!(!table.maintain(&merging(), false).await.unwrap().has_changed_something());
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 12);
}

#[tokio::test]
async fn old_snapshots_go_but_not_what_a_tag_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 1).await;
    run_pyiceberg(
        folder.path(),
        "table.manage_snapshots().create_tag(table.current_snapshot().snapshot_id, 'first').commit()",
    );
    deliver_each(&mut table, 5).await;
    let before = rows(folder.path());
    let told = table.maintain(&expiring(), true).await.unwrap();
    assert_eq!((told.snapshots_expired, snapshots(folder.path()).await), (4, 7));
    let done = table.maintain(&expiring(), false).await.unwrap();
    assert_eq!((done.snapshots_expired, snapshots(folder.path()).await), (4, 3));
    assert_eq!(rows(folder.path()), before);
    run_pyiceberg(
        folder.path(),
        "assert len(table.scan(snapshot_id=table.snapshot_by_name('first').snapshot_id).to_arrow()) == 2",
    );
    assert_eq!(open(folder.path()).await.positions(TOPIC).unwrap().get(0), Some(12));
    deliver_each(&mut table, 1).await;
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 14);
}

#[tokio::test]
async fn by_default_no_young_snapshot_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 12).await;
    let done = table.maintain(&MaintenanceConfig::default(), false).await.unwrap();
    assert_eq!((done.snapshots_expired, done.files_compacted), (0, 24));
}

#[tokio::test]
async fn an_append_at_any_instant_is_kept_while_manifests_and_snapshots_go() {
    let folder = tempfile::tempdir().unwrap();
    let (mut table, mut other) = (open(folder.path()).await, open(folder.path()).await);
    let settings = MaintenanceConfig { min_small_manifests: 2, ..expiring() };
    let mut rows = 0;
    for polls in (1..).step_by(29) {
        deliver_each(&mut table, 1).await;
        let slow = async { other.maintain(&settings, false).await.map(drop).unwrap() };
        let (_, was_done) = overtake(polls, slow, deliver_each(&mut table, 1)).await;
        rows += 4;
        assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, rows, "after {polls} polls");
        if was_done {
            break;
        }
    }
    assert_eq!(open(folder.path()).await.positions(TOPIC).unwrap().get(0), Some(rows as i64));
}

#[tokio::test]
async fn what_the_main_branch_asks_to_be_kept_survives_commits_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver_each(&mut table, 1).await;
    let theirs = "from pyiceberg.table.update import SetSnapshotRefUpdate\n\
                  update = SetSnapshotRefUpdate(ref_name='main', type='branch', \
                  snapshot_id=table.current_snapshot().snapshot_id, min_snapshots_to_keep=4)\n\
                  catalog.commit_table(table, (), (update,))";
    run_pyiceberg(folder.path(), theirs);
    deliver_each(&mut table, 5).await;
    let done = table.maintain(&expiring(), false).await.unwrap();
    assert_eq!((done.snapshots_expired, snapshots(folder.path()).await), (3, 4));
}
