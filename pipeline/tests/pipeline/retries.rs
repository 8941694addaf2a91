//! How a lane gets on with a sink that fails: how long it waits, and what its status says meanwhile.

use std::time::Duration;

use eventlog::memory::MemoryLog;
use pipeline::Config;
use serde_json::Value;

use crate::delivery::{append, small, start_with, until};
use crate::store::{Letters, Store};

#[tokio::test(start_paused = true)]
async fn a_commit_ends_a_row_of_failures_and_the_next_one_begins_with_a_short_wait() {
    let log = MemoryLog::new(1);
    append(&log, 0..1).await;
    let store = Store::default();
    store.state().faults.failing_commits = 9;
    let config = Config { max_retry_wait_ms: 10_000, ..small() };
    let running = start_with(log.clone(), &[("a", &store)], config, Letters::default());
    let committed = |rows: usize| {
        let store = store.clone();
        async move {
            let every = Duration::from_millis(1);
            while store.state().rows.len() < rows {
                tokio::time::sleep(every).await;
            }
        }
    };
    committed(1).await;
    append(&log, 1..2).await;
    store.state().faults.failing_commits = 1;
    committed(2).await;
    running.stop().await;
    let attempts = store.state().attempts.clone();
    let waits: Vec<_> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits.len(), 11, "{waits:?}");
    assert!(waits[8] >= Duration::from_secs(10), "the ninth failure in a row: {waits:?}");
    assert!(waits[10] < Duration::from_secs(1), "the first failure after a commit: {waits:?}");
}

/// The sink's status as it is shown.
fn shown(running: &crate::delivery::Running) -> Value {
    running.status.sinks().get("a").map_or(Value::Null, |sink| serde_json::to_value(sink).unwrap())
}

#[tokio::test]
async fn a_sink_whose_commits_fail_is_retrying_all_the_time_though_it_answers() {
    let log = MemoryLog::new(1);
    append(&log, 0..1).await;
    let store = Store::default();
    store.state().faults.failing_commits = u32::MAX;
    let running = start_with(log.clone(), &[("a", &store)], small(), Letters::default());
    until(|| shown(&running)["state"] == "retrying").await;
    let since = shown(&running)["since"].clone();
    let mut last = Value::Null;
    until(|| {
        last = shown(&running);
        assert_eq!((&last["state"], &last["since"]), (&"retrying".into(), &since), "{last}");
        last["attempts"].as_u64() >= Some(5)
    })
    .await;

    store.state().faults.failing_commits = 0;
    until(|| shown(&running)["state"] == "running").await;
    assert_eq!(store.state().rows.len(), 1);
    append(&log, 1..2).await;
    store.state().faults.failing_commits = u32::MAX;
    until(|| shown(&running)["attempts"].as_u64() >= Some(3)).await;
    assert_ne!(shown(&running)["since"], since);
    running.stop().await;
}

#[tokio::test]
async fn a_sink_that_comes_back_with_nothing_to_deliver_is_running() {
    let log = MemoryLog::new(1);
    append(&log, 0..1).await;
    let store = Store::default();
    let running = start_with(log.clone(), &[("a", &store)], small(), Letters::default());
    until(|| store.state().rows.len() == 1).await;
    running.stop().await;
    store.state().faults.down = true;
    let running = start_with(log.clone(), &[("a", &store)], small(), Letters::default());
    until(|| shown(&running)["attempts"].as_u64() >= Some(3)).await;
    store.state().faults.down = false;
    until(|| shown(&running)["state"] == "running").await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_hangs_does_not_hold_up_the_shutdown_and_loses_nothing() {
    let log = MemoryLog::new(1);
    let store = Store::default();
    let running = start_with(log.clone(), &[("a", &store)], small(), Letters::default());
    while store.state().positions.get(0).is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    store.state().faults.hanging = true;
    append(&log, 0..1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    tokio::time::timeout(Duration::from_secs(10), running.stop()).await.unwrap();
    assert!(store.state().rows.is_empty());
    store.state().faults.hanging = false;
    let running = start_with(log.clone(), &[("a", &store)], small(), Letters::default());
    while store.state().rows.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    running.stop().await;
}
