//! Clocks that jump: what is old is judged by times that have surely come.

use warehouse::MaintenanceConfig;

use lakekit::table::*;

#[tokio::test]
async fn nothing_goes_by_its_age_before_a_time_that_is_known_to_have_come() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    for offset in 0..3 {
        deliver(&mut table, &[bare(offset)]).await;
    }
    let settings = MaintenanceConfig {
        snapshot_min_count: 1,
        snapshot_max_age_ms: 1,
        snapshot_min_age_ms: 1,
        unreferenced_grace_ms: 1,
        metadata_grace_ms: 1,
        ..MaintenanceConfig::default()
    };
    let snapshots = || async { other_table(folder.path()).await.metadata().snapshots().len() };
    let stray = folder.path().join("warehouse/web/page_views/data/stray.parquet");
    std::fs::write(&stray, "in the making").unwrap();
    let before = time("2026-01-31T09:30:00Z");
    let done = table.maintain_as_of(&settings, false, before).await.unwrap();
    assert_eq!((done.snapshots_expired, done.files_removed, snapshots().await), (0, 0, 4), "the clock may be ahead");
    let now = event::Timestamp::now();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while event::Timestamp::now().millis() <= now.millis() + 1 {
        assert!(std::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    let done = table.maintain_as_of(&settings, false, event::Timestamp::now()).await.unwrap();
    assert_eq!((done.snapshots_expired, snapshots().await), (3, 1));
    assert!(!stray.exists());
}
