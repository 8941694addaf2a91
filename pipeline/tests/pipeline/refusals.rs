//! Rows that a sink refuses: found without waiting, kept as dead letters, and in the sink by a replay only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use event::{Positions, Timestamp};
use eventlog::memory::{Action, MemoryLog};
use eventlog::{EventLog, LogError, Membership, NewRecord, Reader, Record, Transactor};
use pipeline::{Config, replay_record};

use crate::delivery::{TOPIC, append, page, record, small, start_with, until};
use crate::store::{Faults, Letters, Store};

/// A wait of an hour: what waits at all does not arrive in time.
fn without_waits() -> Config {
    Config { max_retry_wait_ms: 3_600_000, ..Config::default() }
}

fn picky(refused: &'static str) -> Store {
    let store = Store::default();
    store.state().faults = Faults { refused: Some(refused), ..Faults::default() };
    store
}

/// So many good pages, and so many records that a picky store refuses, spread irregularly among them.
async fn append_with_bad(log: &Arc<MemoryLog>, good: usize, bad: usize) {
    let is_bad_after = |number: usize| number * number % good < bad;
    let mut records: Vec<NewRecord> = Vec::new();
    let mut left = bad;
    for number in 0..good {
        records.push(page(number));
        if left > 0 && (is_bad_after(number) || good - number <= left) {
            records.push(record(&format!("h{}", left % 7), format!(r#"{{"url":"/bad{left}"}}"#)));
            left -= 1;
        }
    }
    log.append(TOPIC, records).await.unwrap();
}

fn sorted(store: &Store) -> Vec<String> {
    let mut rows = store.state().rows.clone();
    rows.sort();
    rows
}

fn pages(count: usize) -> Vec<String> {
    let mut pages: Vec<_> = (0..count).map(|number| format!("/{number}")).collect();
    pages.sort();
    pages
}

#[tokio::test]
async fn a_hundred_refused_rows_of_twenty_thousand_cost_few_commits_and_no_wait() {
    let log = MemoryLog::new(3);
    append_with_bad(&log, 19_900, 100).await;
    let store = picky("bad");
    let running = start_with(log.clone(), &[("picky", &store)], without_waits(), Letters::default());
    until(|| store.state().rows.len() >= 19_900 && running.letters.all().len() >= 100).await;
    let letters = running.letters.clone();
    let outcomes = || running.status.sinks()["picky"].outcomes;
    until(|| outcomes().dead_lettered == 100).await;
    assert_eq!(outcomes().delivered, 19_900);
    running.stop().await;
    assert_eq!(sorted(&store), pages(19_900));
    let mut places: Vec<_> = letters.all().iter().map(|letter| letter.position.to_string()).collect();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), 100);
    // A commit has 500 rows, which can be halved 9 times; and each half has a sibling.
    let attempts = store.state().attempts.len();
    assert!(attempts <= 20_000 / 500 + 100 * 2 * 10, "{attempts} attempts");
    let assigned = |action: &Action| matches!(action, Action::Assign { topic, .. } if topic == TOPIC);
    let readings = log.actions().iter().filter(|action| assigned(action)).count();
    assert!(readings <= 100 + 5, "the log was read anew {readings} times");
}

#[tokio::test]
async fn rows_that_are_all_refused_all_become_dead_letters() {
    let log = MemoryLog::new(2);
    append(&log, 0..300).await;
    let store = picky("/");
    let running = start_with(log.clone(), &[("picky", &store)], without_waits(), Letters::default());
    let letters = running.letters.clone();
    until(|| running.status.sinks().get("picky").is_some_and(|sink| sink.outcomes.dead_lettered == 300)).await;
    running.stop().await;
    assert_eq!((store.state().rows.len(), letters.all().len()), (0, 300));
}

#[tokio::test]
async fn a_suspected_row_is_a_dead_letter_only_if_the_sink_insists() {
    for (times, dead) in [(2, 0), (3, 1), (u32::MAX, 1)] {
        let log = MemoryLog::new(1);
        append(&log, 0..1).await;
        let store = Store::default();
        store.state().faults.suspected = Some(("/0", times));
        let running = start_with(log.clone(), &[("a", &store)], without_waits(), Letters::default());
        until(|| store.state().positions.get(0) == Some(1)).await;
        assert_eq!((running.letters.all().len(), store.state().rows.len()), (dead, 1 - dead), "{times}");
        running.stop().await;
    }
}

/// How a process ends in the midst of passing a refused row over.
enum End {
    Stopped,
    Killed,
}

#[tokio::test]
async fn a_row_whose_letter_is_durable_is_delivered_by_a_replay_only() {
    for end in [End::Stopped, End::Killed] {
        let log = MemoryLog::new(1);
        append(&log, 0..10).await;
        log.append(TOPIC, vec![record("x", r#"{"url":"/bad"}"#)]).await.unwrap();
        append(&log, 10..20).await;
        let (store, letters) = (picky("bad"), Letters::default());
        letters.hangs.store(true, Ordering::Relaxed);
        let running = start_with(log.clone(), &[("a", &store)], small(), letters.clone());
        until(|| letters.all().len() == 1).await;
        match end {
            End::Stopped => running.stop().await,
            End::Killed => running.task.abort(),
        }

        store.state().faults.refused = None;
        letters.hangs.store(false, Ordering::Relaxed);
        let running = start_with(log.clone(), &[("a", &store)], small(), letters.clone());
        until(|| store.state().positions.get(0) == Some(21)).await;
        assert_eq!(sorted(&store), pages(20));
        assert_eq!(running.status.sinks()["a"].outcomes.dead_lettered, 1);
        log.append(TOPIC, vec![record("x", replay_record(&letters.all()[0])); 2]).await.unwrap();
        until(|| store.state().positions.get(0) == Some(23)).await;
        assert_eq!(store.state().rows.iter().filter(|url| *url == "/bad").count(), 1);
        assert_eq!(letters.all().len(), 1);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_letter_of_an_older_log_takes_no_row_of_a_new_one_at_the_same_place() {
    let (old, store, letters) = (MemoryLog::new(1), picky("/0"), Letters::default());
    append(&old, 0..1).await;
    let running = start_with(old.clone(), &[("a", &store)], small(), letters.clone());
    until(|| store.state().positions.get(0) == Some(1)).await;
    running.stop().await;
    assert_eq!(letters.all().len(), 1);

    let (new, store) = (MemoryLog::new(1), Store::default());
    append(&new, 0..2).await;
    let running = start_with(new.clone(), &[("a", &store)], small(), letters);
    until(|| store.state().positions.get(0) == Some(2)).await;
    assert_eq!(sorted(&store), pages(2));
    running.stop().await;
}

#[tokio::test]
async fn a_refused_row_s_record_that_cannot_be_read_does_not_hold_up_the_shutdown() {
    let log = MemoryLog::new(1);
    append(&log, 0..1).await;
    let store = picky("/0");
    let is_asked = Arc::new(AtomicBool::new(false));
    let stuck = Arc::new(Stuck { log, is_asked: is_asked.clone() });
    let running = start_with(stuck, &[("a", &store)], small(), Letters::default());
    until(|| is_asked.load(Ordering::Relaxed)).await;
    tokio::time::timeout(Duration::from_secs(8), running.stop()).await.unwrap();
    assert_eq!(store.state().positions.get(0), Some(0));
}

/// A log whose readers never return a single record that is asked for.
struct Stuck {
    log: Arc<MemoryLog>,
    is_asked: Arc<AtomicBool>,
}

struct StuckReader {
    reader: Box<dyn Reader>,
    is_asked: Arc<AtomicBool>,
}

#[async_trait]
impl Reader for StuckReader {
    async fn assign(&mut self, positions: &Positions) -> Result<(), LogError> {
        self.reader.assign(positions).await
    }

    async fn next(&mut self, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        if max_bytes == 1 {
            self.is_asked.store(true, Ordering::Relaxed);
            return std::future::pending().await;
        }
        self.reader.next(max_bytes).await
    }
}

#[async_trait]
impl EventLog for Stuck {
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        self.log.append(topic, records).await
    }

    async fn is_own(&self, topic: &str) -> Result<bool, LogError> {
        self.log.is_own(topic).await
    }

    async fn partitions(&self, topic: &str) -> Result<Vec<i32>, LogError> {
        self.log.partitions(topic).await
    }

    async fn bounds(&self, topic: &str, partition: i32) -> Result<std::ops::Range<i64>, LogError> {
        self.log.bounds(topic, partition).await
    }

    async fn offset_for_time(&self, topic: &str, partition: i32, time: Timestamp) -> Result<i64, LogError> {
        self.log.offset_for_time(topic, partition, time).await
    }

    async fn positions(&self, group: &str, topic: &str) -> Result<Positions, LogError> {
        self.log.positions(group, topic).await
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(StuckReader { reader: self.log.reader(topic).await?, is_asked: self.is_asked.clone() }))
    }

    async fn join(&self, group: &str, topic: &str) -> Result<Box<dyn Membership>, LogError> {
        self.log.join(group, topic).await
    }

    async fn transactor(&self, group: &str, output: &str) -> Result<Box<dyn Transactor>, LogError> {
        self.log.transactor(group, output).await
    }

    async fn release(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.log.release(topic, partition, offset).await
    }
}
