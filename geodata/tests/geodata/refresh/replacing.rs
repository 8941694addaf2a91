//! Any way of replacing a file works, and none is taken up half-way.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use geodata::refresh::{Config, OnDisk, Watcher};

use super::editions::{BIN, MMDB, NESTED, VISITORS, edition};
use super::watched::{Watched, listen};

const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn a_file_renamed_over_the_one_in_use_is_taken_at_the_second_look() {
    for fixture in [MMDB, NESTED, BIN] {
        let mut watched = Watched::with(edition(fixture, 1));
        let old = watched.name();
        watched.rename_over(&edition(fixture, 2));
        watched.watcher.look();
        assert_eq!((watched.name(), watched.status().on_disk), (old.clone(), OnDisk::Changing));
        watched.watcher.look();
        assert_eq!(watched.name(), old.replace("@2026-01-01", "@2026-01-02"));
        let status = watched.status();
        assert_eq!((status.on_disk, status.refreshes, status.refusals), (OnDisk::InUse, 1, 0));
        assert_eq!(status.name, Some(watched.name()));
    }
}

#[test]
fn a_file_overwritten_in_place_is_taken_when_it_is_whole() {
    let mut watched = Watched::with(edition(MMDB, 1));
    let old = watched.name();
    let newer = edition(MMDB, 2);
    let mut file = File::create(watched.path()).unwrap();
    for piece in newer.chunks(newer.len() / 20 + 1) {
        file.write_all(piece).unwrap();
        watched.watcher.look();
        assert_eq!(watched.name(), old);
        watched.visit(&VISITORS);
    }
    watched.watcher.look();
    assert!(watched.name().ends_with("@2026-01-02"));
    assert_eq!(watched.status().refusals, 0);
}

#[test]
fn a_write_that_pauses_half_way_is_refused_and_taken_when_it_is_done() {
    for (fixture, truncates) in [(MMDB, true), (MMDB, false), (BIN, true), (BIN, false)] {
        let mut watched = Watched::with(edition(fixture, 1));
        watched.visit(&VISITORS);
        let old = watched.name();
        let newer = edition(fixture, 2);
        let mut file = File::options().write(true).truncate(truncates).open(watched.path()).unwrap();
        let (first, second) = newer.split_at(newer.len() / 2);
        file.write_all(first).unwrap();
        (0..5).for_each(|_| watched.settle());
        if truncates {
            assert_eq!((watched.name(), watched.status().on_disk), (old, OnDisk::Refused), "{fixture}");
        }
        watched.visit(&VISITORS);
        file.write_all(second).unwrap();
        watched.settle();
        assert!(watched.name().ends_with("@2026-01-02"), "{fixture}");
        let told = watched.database().locate(VISITORS[0].parse().unwrap());
        let expected = super::editions::database(newer).locate(VISITORS[0].parse().unwrap());
        assert_eq!(told.place, expected.place, "{fixture}");
    }
}

#[test]
fn a_second_write_that_leaves_the_same_times_is_noticed() {
    let mut watched = Watched::with(edition(MMDB, 1));
    for day in 2..12 {
        fs::write(watched.path(), edition(MMDB, day)).unwrap();
        watched.settle();
    }
    let deadline = Instant::now() + DEADLINE;
    while !watched.name().ends_with("@2026-01-11") {
        assert!(Instant::now() < deadline, "{} is still in use", watched.name());
        watched.watcher.look();
    }
}

#[test]
fn the_switch_of_a_folder_behind_a_link_is_followed_as_kubernetes_does_it() {
    let publish = |folder: &Path, version: &str, day: u8| {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("geo.mmdb"), edition(MMDB, day)).unwrap();
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    let mut watched = Watched::new(Config::default(), |folder| {
        publish(folder, "..2026_01_01", 1);
        symlink("..data/geo.mmdb", folder.join("geo.mmdb")).unwrap();
    });
    assert!(watched.name().ends_with("@2026-01-01"));
    let folder = watched.path().parent().unwrap().to_owned();
    publish(&folder, "..2026_01_02", 2);
    fs::remove_dir_all(folder.join("..2026_01_01")).unwrap();
    watched.settle();
    assert!(watched.name().ends_with("@2026-01-02"));
    assert_eq!(watched.status().refusals, 0);
}

#[test]
fn what_was_read_stays_in_use_while_the_file_is_missing() {
    let (_, told) = listen(|| {
        let mut watched = Watched::with(edition(MMDB, 1));
        fs::remove_file(watched.path()).unwrap();
        (0..3).for_each(|_| watched.settle());
        assert!(watched.name().ends_with("@2026-01-01"));
        assert_eq!(watched.status().on_disk, OnDisk::Missing);
        watched.visit(&VISITORS);
        fs::write(watched.path(), edition(MMDB, 2)).unwrap();
        watched.settle();
        assert!(watched.name().ends_with("@2026-01-02"));
    });
    assert_eq!(told.log.matches("is missing").count(), 1, "{}", told.log);
    assert!(!told.metrics.contains("refusals"), "{}", told.metrics);
}

#[test]
fn a_file_or_a_folder_that_was_missing_at_the_start_is_taken_up_when_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (city, nested) = (folder.path().join("geo.mmdb"), folder.path().join("a/b/nested.mmdb"));
    let mut watcher = Watcher::open(&[city.clone(), nested.clone()], Config::default());
    let live = watcher.live();
    assert_eq!(live.current().names().count(), 0);
    fs::create_dir_all(nested.parent().unwrap()).unwrap();
    watcher.look();
    fs::write(&nested, edition(NESTED, 1)).unwrap();
    (0..2).for_each(|_| watcher.look());
    assert_eq!(live.current().names().collect::<Vec<_>>(), ["GeoLite2-City@2026-01-01"]);
    fs::write(&city, edition(MMDB, 2)).unwrap();
    (0..2).for_each(|_| watcher.look());
    assert_eq!(live.current().names().collect::<Vec<_>>(), ["geo@2026-01-02", "GeoLite2-City@2026-01-01"]);
}

#[test]
fn nothing_is_replaced_when_the_content_is_the_same() {
    let mut watched = Watched::with(edition(MMDB, 1));
    let before = watched.database();
    (0..3).for_each(|_| watched.settle());
    watched.rename_over(&edition(MMDB, 1));
    watched.settle();
    fs::write(watched.path(), edition(MMDB, 1)).unwrap();
    watched.settle();
    assert!(std::sync::Arc::ptr_eq(&before, &watched.database()));
    assert_eq!(watched.status().on_disk, OnDisk::InUse);
}

#[test]
fn the_other_files_are_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first.mmdb", "second.mmdb"].map(|name| folder.path().join(name));
    fs::write(&first, edition(MMDB, 1)).unwrap();
    fs::write(&second, edition(NESTED, 1)).unwrap();
    let mut watcher = Watcher::open(&[first.clone(), second], Config::default());
    let before = watcher.live().current();
    fs::write(&first, edition(MMDB, 2)).unwrap();
    (0..2).for_each(|_| watcher.look());
    let after = watcher.live().current();
    assert!(!std::sync::Arc::ptr_eq(&before.files()[0], &after.files()[0]));
    assert!(std::sync::Arc::ptr_eq(&before.files()[1], &after.files()[1]));
}

#[tokio::test]
async fn files_are_watched_until_the_shutdown() {
    let config = Config { check_interval_ms: 5, ..Config::default() };
    let watched = Watched::configured(edition(MMDB, 1), config);
    watched.rename_over(&edition(MMDB, 2));
    let (live, status) = (watched.watcher.live(), watched.watcher.status());
    let stop = tokio_util::sync::CancellationToken::new();
    let Watched { watcher, folder: _folder } = watched;
    let running = tokio::spawn(watcher.run(stop.clone()));
    let deadline = Instant::now() + DEADLINE;
    while !live.current().names().all(|name| name.ends_with("@2026-01-02")) {
        assert!(Instant::now() < deadline, "{:?}", status.databases());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    running.await.unwrap();
}
