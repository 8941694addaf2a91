//! Failing and full disks, and the order of write, sync and answer.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use event::Positions;
use eventlog::embedded::{Config, EmbeddedLog, Options};
use eventlog::{EventLog, LogError};
use futures::future::join_all;
use tokio::time::timeout;

use crate::embedded::disk::FaultyDisk;
use crate::embedded::fixture::{
    DEADLINE, TOPIC, advance, append, eventually, open, open_with, payloads, position, record,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_or_read_before_it_is_synced() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let log = open_with(dir.path(), disk.options());
    append(&log, "first").await.unwrap();
    let mut reader = log.reader(TOPIC).await.unwrap();
    reader.assign(&[(0, 1)].into_iter().collect::<Positions>()).await.unwrap();
    let mut transactor = log.transactor("sink", TOPIC).await.unwrap();

    let synced_before = disk.syncs();
    disk.hold_syncs(true);
    let committing = tokio::spawn(async move { transactor.commit(vec![record("second")], &advance(None, 5)).await });
    eventually(async || disk.syncs() > synced_before).await;
    assert!(!committing.is_finished());
    assert!(timeout(Duration::from_millis(30), reader.next(1)).await.is_err());
    assert_eq!(log.bounds(TOPIC, 0).await.unwrap(), 0..1);
    assert_eq!(position(&log).await, None);

    disk.hold_syncs(false);
    timeout(DEADLINE, committing).await.unwrap().unwrap().unwrap();
    assert_eq!(reader.next(1).await.unwrap()[0].payload, "second");
    assert_eq!(position(&log).await, Some(5));
}

#[tokio::test]
async fn after_a_failed_sync_the_topic_takes_nothing_until_it_is_opened_anew() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let log = open_with(dir.path(), disk.options());
    append(&log, "before").await.unwrap();
    log.append("other", vec![record("x")]).await.unwrap();
    disk.fail_next_sync(ErrorKind::Other);
    for _ in 0..3 {
        let error = append(&log, "lost").await.unwrap_err();
        assert!(matches!(&error, LogError::Unavailable { reason } if reason.contains("restart")), "{error}");
    }
    assert_eq!(payloads(&log).await, ["before"], "what is durable can still be read");
    log.append("other", vec![record("y")]).await.expect("other topics go on");
    log.close().await;
    let log = open(dir.path(), 1 << 20).unwrap();
    assert_eq!(payloads(&log).await, ["before"]);
    assert_eq!(append(&log, "after").await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_log_goes_on_once_there_is_room() {
    for after_bytes in [0, 1, 24, 25, 40, 1000] {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
        let log = open_with(dir.path(), disk.options());
        append(&log, "before").await.unwrap();
        disk.fail_next_write(ErrorKind::StorageFull, after_bytes);
        let mut transactor = log.transactor("sink", TOPIC).await.unwrap();
        let refused = transactor.commit(vec![record("a"), record("b")], &advance(None, 5)).await;
        assert!(matches!(refused, Err(LogError::Full { .. })), "{refused:?}");
        assert_eq!(position(&log).await, None);
        assert_eq!(append(&log, "after").await.unwrap(), 1);
        transactor.commit(vec![record("c")], &advance(None, 6)).await.unwrap();
        log.close().await;
        let log = open(dir.path(), 1 << 20).unwrap();
        assert_eq!(payloads(&log).await, ["before", "after", "c"]);
        assert_eq!(position(&log).await, Some(6));
    }
}

#[tokio::test]
async fn what_was_refused_for_want_of_room_does_not_come_back() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let log = open_with(dir.path(), disk.options());
    append(&log, "before").await.unwrap();
    disk.fail_next_write(ErrorKind::StorageFull, usize::MAX);
    assert!(matches!(append(&log, "refused").await, Err(LogError::Full { .. })));
    log.close().await;
    assert_eq!(payloads(&open(dir.path(), 1 << 20).unwrap()).await, ["before"]);
}

#[tokio::test]
async fn a_disk_that_is_full_when_a_segment_is_to_begin_refuses_and_goes_on() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let config = Config { segment_bytes: 100, ..Config::default() };
    let log = open_with(dir.path(), Options { config, ..disk.options() });
    append(&log, vec![b'x'; 200]).await.unwrap();
    disk.fail_next_write(ErrorKind::StorageFull, 20);
    assert!(matches!(append(&log, "refused").await, Err(LogError::Full { .. })));
    assert_eq!(append(&log, "taken").await.unwrap(), 1);
    log.close().await;
    assert_eq!(payloads(&open(dir.path(), 100).unwrap()).await.len(), 2);
}

#[tokio::test]
async fn the_size_limit_holds_back_records_but_not_positions() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { max_bytes: 1000, ..Config::default() };
    let log = EmbeddedLog::open(dir.path(), &config).unwrap();
    append(&log, vec![b'x'; 700]).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(append(&log, vec![b'x'; 300]).await, Err(LogError::Full { .. })));
    }
    append(&log, vec![b'x'; 100]).await.expect("a smaller record has room");
    let mut transactor = log.transactor("sink", TOPIC).await.unwrap();
    for next in 0..20 {
        transactor.commit(Vec::new(), &advance((next > 0).then(|| next - 1), next)).await.unwrap();
    }
    log.close().await;
    let log = EmbeddedLog::open(dir.path(), &config).unwrap();
    assert!(matches!(append(&log, "x").await, Err(LogError::Full { .. })), "the limit counts what was there before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_slow_disk_is_bounded() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let config = Config { queue_records: 10, ..Config::default() };
    let log = open_with(dir.path(), Options { config, ..disk.options() });
    append(&log, "first").await.unwrap();
    disk.hold_syncs(true);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let log = log.clone();
                async move { append(&log, "x").await }
            })
        })
        .collect();
    eventually(async || tasks.iter().filter(|task| task.is_finished()).count() >= 70).await;
    disk.hold_syncs(false);
    let mut busy = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => {}
            Err(LogError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((70..100).contains(&busy), "{busy} were refused");
    assert_eq!(payloads(&log).await.len(), 101 - busy);
}

#[tokio::test]
async fn closing_makes_durable_what_waits_and_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1 << 20).unwrap();
    append(&log, "first").await.unwrap();
    let waiting: Vec<_> = (0..20).map(|_| append(&log, "x")).collect();
    let (answers, ()) = tokio::join!(join_all(waiting), log.close());
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(matches!(append(&log, "late").await, Err(LogError::Unavailable { .. })));
    assert!(matches!(log.append("new", vec![record("late")]).await, Err(LogError::Unavailable { .. })));
    assert_eq!(payloads(&open(dir.path(), 1 << 20).unwrap()).await.len(), 1 + taken);
}

#[tokio::test]
async fn a_disk_that_finds_itself_full_only_when_it_syncs_refuses_and_the_log_goes_on() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let log = open_with(dir.path(), disk.options());
    append(&log, "before").await.unwrap();
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        disk.fail_next_sync(kind);
        assert!(matches!(append(&log, "refused").await, Err(LogError::Full { .. })));
    }
    assert_eq!((append(&log, "after").await.unwrap(), log.failure()), (1, None));
    log.close().await;
    assert_eq!(payloads(&open(dir.path(), 1 << 20).unwrap()).await, ["before", "after"]);
}

#[tokio::test]
async fn a_disk_that_is_full_when_a_segment_is_synced_refuses_and_goes_on() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let config = Config { segment_bytes: 100, ..Config::default() };
    let log = open_with(dir.path(), Options { config, ..disk.options() });
    append(&log, vec![b'x'; 200]).await.unwrap();
    disk.fail_next_sync(ErrorKind::StorageFull);
    assert!(matches!(append(&log, "refused").await, Err(LogError::Full { .. })));
    assert_eq!(append(&log, "taken").await.unwrap(), 1);
}

#[tokio::test]
async fn a_failure_that_only_a_restart_ends_is_told_by_its_topic() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let log = open_with(dir.path(), disk.options());
    append(&log, "before").await.unwrap();
    assert_eq!(log.failure(), None);
    disk.fail_next_sync(ErrorKind::Other);
    append(&log, "lost").await.unwrap_err();
    // The sender has its answer first.
    eventually(async || log.failure().is_some()).await;
    let reason = log.failure().unwrap();
    assert!(reason.starts_with(TOPIC) && reason.contains("restart"), "{reason}");
    let (dir, sound) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let log = open_with(dir.path(), sound.options());
    append(&log, "x").await.unwrap();
    log.close().await;
    assert_eq!(log.failure(), None, "an end that was wanted is none");
}

/// The new file has the name of the one that the reader looks for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_a_segment_whose_successor_was_not_synced_is_told_so() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
    let config = Config { segment_bytes: 100, ..Config::default() };
    let log = open_with(dir.path(), Options { config, ..disk.options() });
    let mut transactor = log.transactor("sink", TOPIC).await.unwrap();
    for next in 0..2 {
        transactor.commit(Vec::new(), &advance((next > 0).then(|| next - 1), next)).await.unwrap();
    }
    disk.fail_next_dir_sync(ErrorKind::Other);
    transactor.commit(Vec::new(), &advance(Some(1), 2)).await.unwrap_err();
    eventually(async || log.failure().is_some()).await;
    let asked = timeout(DEADLINE, log.offset_for_time(TOPIC, 0, event::Timestamp::now())).await;
    assert!(matches!(asked.unwrap(), Err(LogError::Unavailable { .. })));
}
