//! Offsets and times are found after a reopen, and time never runs back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use event::Timestamp;
use eventlog::EventLog;
use eventlog::embedded::{Config, EmbeddedLog, Options};

use crate::embedded::fixture::{TOPIC, append, open_with, read_from, record, segments};

/// A clock that tests set, in seconds.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    pub(crate) fn options(&self, config: Config) -> Options {
        let clock = self.clone();
        let now = move || time(clock.0.load(Ordering::Relaxed));
        Options { clock: Arc::new(now), ..Options::from(config) }
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

/// 60 appends of 100 records, each a second after the one before, over several segments with several index entries each.
async fn hour(log: &EmbeddedLog, clock: &Clock) {
    for second in 1..=60 {
        clock.set(second);
        let records = (0..100).map(|n| record(format!("{:0300}", (second - 1) * 100 + n))).collect();
        log.append(TOPIC, records).await.unwrap();
    }
}

async fn check_look_ups(log: &EmbeddedLog) {
    for offset in (0..6000).step_by(417) {
        let found = read_from(log, offset).await.unwrap().remove(0);
        assert_eq!((found.offset, &found.payload[..]), (offset, format!("{offset:0300}").as_bytes()));
    }
    for second in 0..=61 {
        let offset = log.offset_for_time(TOPIC, 0, time(second)).await.unwrap();
        assert_eq!(offset, (second - 1).clamp(0, 60) * 100, "second {second}");
    }
}

#[tokio::test]
async fn offsets_and_times_are_found_before_and_after_a_reopen() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::default());
    let config = Config { segment_bytes: 400 << 10, ..Config::default() };
    let log = open_with(dir.path(), clock.options(config.clone()));
    hour(&log, &clock).await;
    check_look_ups(&log).await;
    log.close().await;
    assert!(segments(dir.path()).len() >= 4, "several segments");
    let log = open_with(dir.path(), clock.options(config));
    check_look_ups(&log).await;
}

#[tokio::test]
async fn a_clock_that_jumps_back_does_not_take_the_time_of_records_along() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::default());
    let log = open_with(dir.path(), clock.options(Config::default()));
    for second in [100, 50, 0, 200, 199] {
        clock.set(second);
        append(&log, "x").await.unwrap();
    }
    log.close().await;
    clock.set(10);
    let log = open_with(dir.path(), clock.options(Config::default()));
    append(&log, "x").await.unwrap();
    log.append("another", vec![record("x")]).await.unwrap();
    let times: Vec<Timestamp> = read_from(&log, 0).await.unwrap().iter().map(|record| record.time).collect();
    assert_eq!(times, [100, 100, 100, 200, 200, 200].map(time));
}
