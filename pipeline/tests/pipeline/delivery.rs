//! The pipeline's promises, over a log in memory and sinks that fail when told to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event::{Draft, EventId, Positions, Timestamp, partition_key};
use eventlog::memory::MemoryLog;
use eventlog::{EventLog, NewRecord};
use geodata::LiveDatabase;
use pipeline::{Config, Contents, LaneState, OnMissing, Pipeline, SinkStatus, Start, Status, replay_record};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store::{Faults, Letters, Store};

pub const TOPIC: &str = "raw";
const DEADLINE: Duration = Duration::from_secs(60);

pub struct Running {
    pub status: Status,
    pub letters: Letters,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<Result<(), pipeline::PipelineError>>,
}

impl Running {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}

pub fn start(log: &Arc<MemoryLog>, stores: &[(&str, &Store)], config: Config) -> Running {
    start_with(log.clone(), stores, config, Letters::default())
}

pub fn start_with(log: Arc<dyn EventLog>, stores: &[(&str, &Store)], config: Config, letters: Letters) -> Running {
    let (status, shutdown) = (Status::default(), CancellationToken::new());
    let pipeline = Pipeline {
        log,
        topic: TOPIC.into(),
        contents: Contents::Events,
        group: "test".to_owned(),
        geo: Arc::new(LiveDatabase::default()),
        config,
        sinks: stores.iter().map(|(name, store)| store.sink(name)).collect(),
        dead_letters: Arc::new(letters.clone()),
        status: status.clone(),
    };
    let task = tokio::spawn(pipeline.run(shutdown.clone()));
    Running { status, letters, shutdown, task }
}

pub fn small() -> Config {
    Config { ring_bytes: 4_096, batch_bytes: 512, max_retry_wait_ms: 20, ..Config::default() }
}

pub fn record(key: &str, payload: impl Into<Bytes>) -> NewRecord {
    NewRecord { key: partition_key(Some(key), None).to_vec().into(), event_id: None, payload: payload.into() }
}

pub fn page(number: usize) -> NewRecord {
    let json = format!(r#"{{"url":"/{number}","host":"h{}"}}"#, number % 7);
    let event = Draft::parse(json.as_bytes()).unwrap().accept(Timestamp::now(), [192, 0, 2, 1].into()).unwrap();
    record(event.host().unwrap(), event.to_record())
}

pub async fn append(log: &MemoryLog, pages: std::ops::Range<usize>) {
    for number in pages {
        log.append(TOPIC, vec![page(number)]).await.unwrap();
    }
}

/// Waits until the store holds as many rows and then shows that it holds each exactly once.
pub async fn expect_each_once(store: &Store, pages: usize) {
    until(|| store.state().rows.len() >= pages).await;
    let mut seen = BTreeMap::<String, usize>::new();
    for url in &store.state().rows {
        *seen.entry(url.clone()).or_default() += 1;
    }
    let expected: BTreeMap<String, usize> = (0..pages).map(|number| (format!("/{number}"), 1)).collect();
    assert_eq!(seen, expected);
}

/// Waits until the sink `a` has stopped, for a reason that holds this text.
pub async fn until_stopped(running: &Running, reason: &str) {
    let stopped =
        |sink: &SinkStatus| matches!(&sink.state, LaneState::Retrying { error, .. } if error.contains(reason));
    until(|| running.status.sinks().get("a").is_some_and(stopped)).await;
}

pub async fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn every_event_reaches_every_sink_once_and_in_order_within_a_partition() {
    let log = Arc::new(MemoryLog::new(3));
    let (a, b) = (Store::default(), Store::default());
    append(&log, 0..100).await;
    let running = start(&log, &[("a", &a), ("b", &b)], small());
    append(&log, 100..2_000).await;
    expect_each_once(&a, 2_000).await;
    expect_each_once(&b, 2_000).await;
    for host in 0..7 {
        let of_host = |url: &&String| url[1..].parse::<usize>().unwrap() % 7 == host;
        let numbers: Vec<usize> = a.state().rows.iter().filter(of_host).map(|url| url[1..].parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "visitor {host} out of order");
    }
    assert_eq!(running.status.sinks()["a"].outcomes.delivered, 2_000);
    running.stop().await;
}

#[tokio::test]
async fn a_sink_that_is_down_holds_no_other_back_and_catches_up_by_itself() {
    let log = Arc::new(MemoryLog::new(2));
    let (up, down) = (Store::default(), Store::default());
    down.state().faults.down = true;
    let running = start(&log, &[("up", &up), ("down", &down)], small());
    append(&log, 0..3_000).await;
    expect_each_once(&up, 3_000).await;
    assert!(down.state().rows.is_empty());
    assert!(matches!(running.status.sinks()["down"].state, LaneState::Retrying { .. }));
    down.state().faults.down = false;
    expect_each_once(&down, 3_000).await;
    append(&log, 3_000..3_100).await;
    expect_each_once(&up, 3_100).await;
    expect_each_once(&down, 3_100).await;
    running.stop().await;
}

#[tokio::test]
async fn sinks_that_fail_at_random_and_lie_about_it_still_hold_each_event_once() {
    let seed: u64 = rand::random();
    println!("share of failing calls drawn from seed {seed}");
    let log = Arc::new(MemoryLog::new(3));
    let (a, b, c) = (Store::default(), Store::default(), Store::default());
    for (store, percent) in [(&a, 5), (&b, 20), (&c, 5 + (seed % 20) as u32)] {
        store.state().faults.percent = percent;
    }
    // Calls that fail one in five never get through hundreds of small batches.
    let unsteady = Config { batch_bytes: 16_384, ..small() };
    let mut done = 0;
    for _ in 0..5 {
        let running = start(&log, &[("a", &a), ("b", &b), ("c", &c)], unsteady.clone());
        append(&log, done..done + 1_000).await;
        done += 1_000;
        until(|| a.state().rows.len() + 700 >= done).await;
        running.stop().await;
    }
    let running = start(&log, &[("a", &a), ("b", &b), ("c", &c)], unsteady);
    for store in [&a, &b, &c] {
        expect_each_once(store, done).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_refused_row_becomes_a_dead_letter_with_its_bytes_and_the_rest_goes_on() {
    let log = Arc::new(MemoryLog::new(1));
    let (picky, other) = (Store::default(), Store::default());
    picky.state().faults = Faults { refused: Some("bad"), ..Faults::default() };
    let bad = r#"{"url":"/bad"}"#;
    append(&log, 0..700).await;
    log.append(TOPIC, vec![record("x", bad)]).await.unwrap();
    append(&log, 700..1_500).await;
    let running = start(&log, &[("picky", &picky), ("other", &other)], small());
    expect_each_once(&picky, 1_500).await;
    until(|| other.state().rows.len() == 1_501).await;
    let letters = running.letters.all();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].payload.as_slice(), letters[0].stage.to_string().as_str()), (bad.as_bytes(), "sink:picky"));
    assert!(letters[0].reason.contains("not welcome"));
    assert_eq!(running.status.sinks()["picky"].outcomes.dead_lettered, 1);

    picky.state().faults.refused = None;
    log.append(TOPIC, vec![record("x", replay_record(&letters[0])); 2]).await.unwrap();
    until(|| picky.state().rows.len() > 1_500).await;
    append(&log, 1_500..1_501).await;
    until(|| other.state().rows.len() == 1_502).await;
    until(|| picky.state().rows.len() == 1_502).await;
    assert_eq!(picky.state().rows.iter().filter(|url| *url == "/bad").count(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_repeated_event_is_left_out_also_when_the_process_started_in_between() {
    let log = Arc::new(MemoryLog::new(1));
    let store = Store::default();
    let json = |url: &str| {
        format!(r#"{{"url":"{url}","event_id":"{}"}}"#, EventId::derived(Timestamp::default(), url.as_bytes()))
    };
    let running = start(&log, &[("a", &store)], small());
    log.append(TOPIC, vec![record("x", json("/0")), record("x", json("/1")), record("x", json("/0"))]).await.unwrap();
    until(|| store.state().positions.get(0) == Some(3)).await;
    assert_eq!(running.status.sinks()["a"].outcomes.duplicate, 1);
    running.stop().await;
    let running = start(&log, &[("a", &store)], small());
    log.append(TOPIC, vec![record("x", json("/1")), record("x", json("/2"))]).await.unwrap();
    until(|| store.state().positions.get(0) == Some(5)).await;
    assert_eq!(store.state().rows, ["/0", "/1", "/2"]);
    running.stop().await;
}

#[tokio::test]
async fn a_sink_without_a_position_starts_where_it_is_told_and_one_with_a_position_there() {
    let log = Arc::new(MemoryLog::new(1));
    append(&log, 0..10).await;
    let stand = Positions::default().advance_to(&TOPIC.into(), &[(0, 6)].into_iter().collect());
    log.transactor("test", "elsewhere").await.unwrap().commit(Vec::new(), &stand).await.unwrap();
    let cases = [
        (Config { start: Some(Start::Latest), ..small() }, None, 10),
        (Config { start: Some(Start::Earliest), ..small() }, None, 0),
        (Config { start: Some(Start::Group), ..small() }, None, 6),
        (Config { start_offsets: [(0, 4)].into(), ..small() }, None, 4),
        (Config { start: Some(Start::Latest), ..small() }, Some(7), 7),
    ];
    for (config, stored, first) in cases {
        let store = Store::default();
        store.state().positions = stored.map(|next| (0, next)).into_iter().collect();
        let running = start(&log, &[("a", &store)], config);
        until(|| store.state().positions.get(0).is_some_and(|next| next >= first)).await;
        let before = log.bounds(TOPIC, 0).await.unwrap().end;
        append(&log, 100..101).await;
        until(|| store.state().positions.get(0) == Some(before + 1)).await;
        assert_eq!(store.state().rows.len() as i64, before + 1 - first);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_position_that_the_log_does_not_hold_any_more_stops_the_sink_unless_told_to_skip() {
    let log = Arc::new(MemoryLog::new(1));
    append(&log, 90..100).await;
    append(&log, 0..10).await;
    log.remove_before(TOPIC, 0, 10).unwrap();
    let store = Store::default();
    store.state().positions = Positions::from_iter([(0, 5)]);
    let running = start(&log, &[("a", &store)], small());
    until_stopped(&running, "offset 5 ").await;
    assert!(store.state().rows.is_empty());
    running.stop().await;
    let running = start(&log, &[("a", &store)], Config { on_missing: OnMissing::Skip, ..small() });
    expect_each_once(&store, 10).await;
    running.stop().await;
}

#[tokio::test]
async fn a_sink_that_stopped_commits_what_it_had_staged() {
    let log = Arc::new(MemoryLog::new(1));
    let store = Store::default();
    let running = start(&log, &[("a", &store)], small());
    append(&log, 0..50).await;
    until(|| !store.state().rows.is_empty()).await;
    running.stop().await;
    let state = store.state();
    assert_eq!(Some(state.rows.len() as i64), state.positions.get(0), "rows and positions must be of the same commit");
}

#[tokio::test]
async fn what_cannot_be_decoded_moves_the_position_and_is_counted_at_each_sink() {
    let log = Arc::new(MemoryLog::new(1));
    let store = Store::default();
    let running = start(&log, &[("a", &store)], small());
    log.append(TOPIC, vec![record("x", &b"\xff"[..]), page(0), record("x", "[]")]).await.unwrap();
    until(|| store.state().positions.get(0) == Some(3)).await;
    expect_each_once(&store, 1).await;
    until(|| running.status.sinks()["a"].outcomes.dead_lettered == 2).await;
    running.stop().await;
}
