//! The spool in front of a real broker that is killed and comes back.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use eventlog::kafka::{self, KafkaLog};
use futures::future::join_all;
use spool::{Config, REPEAT_RECORDS, SpooledLog};
use tokio::task::spawn_blocking;

use eventlog::EventLog;
use testkit::seed::seed;
use testkit::services::kafka::OwnKafka;

use crate::spool::fixture::{TOPIC, eventually, read_all, until_direct, within};
use crate::spool::order::{Ways, append_in_turn, check};
use crate::spool::repeats::{copies, many};

const APPENDERS: usize = 8;
const OUTAGES: usize = 2;
const SPOOLED_EACH: usize = 2_000;

/// A log on the broker, and the spool before it, which everything goes past.
async fn opened(broker: &OwnKafka, dir: &Path) -> (Arc<KafkaLog>, Arc<SpooledLog>) {
    let config = kafka::Config { brokers: Some(broker.address().to_owned()), ..kafka::Config::default() };
    let kafka = KafkaLog::connect(&config).unwrap();
    let log = SpooledLog::open(dir, &Config::default(), kafka.clone()).await.unwrap();
    until_direct(&log).await;
    (kafka, log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_again_and_again_gets_every_record_in_order() {
    let broker = Arc::new(OwnKafka::start());
    let dir = tempfile::tempdir().unwrap();
    let (kafka, log) = opened(&broker, dir.path()).await;

    let (seed, ways) = (seed(), Arc::new(Ways::default()));
    let appending = (0..APPENDERS).map(|n| {
        tokio::spawn(append_in_turn(log.clone(), format!("key{n}"), seed.wrapping_add(n as u64), ways.clone()))
    });
    let appending: Vec<_> = appending.collect();
    for _ in 0..OUTAGES {
        broker.kill();
        let spooled = ways.spooled.load(Relaxed) + SPOOLED_EACH;
        eventually(async || ways.spooled.load(Relaxed) > spooled).await;
        let restarted = broker.clone();
        spawn_blocking(move || restarted.restart()).await.unwrap();
        let (back, direct) = (Instant::now(), ways.direct.load(Relaxed));
        eventually(async || ways.direct.load(Relaxed) > direct).await;
        println!("the way back opened after {:?}", back.elapsed());
        let direct = ways.direct.load(Relaxed) + SPOOLED_EACH;
        eventually(async || ways.direct.load(Relaxed) > direct).await;
    }
    ways.over.store(true, Relaxed);
    let numbers: Vec<usize> = within(join_all(appending)).await.into_iter().map(Result::unwrap).collect();
    until_direct(&log).await;
    let copies = check(&read_all(&*kafka).await, &numbers);
    println!("{:?} direct, {:?} spooled, {copies} copies", ways.direct, ways.spooled);
    log.close().await;
    kafka.close(Duration::from_secs(5)).await;
}

const LARGE_APPENDS: usize = 96;
const PAUSE: Duration = Duration::from_secs(2);

/// All in one partition, so that everything under way stands between two copies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_hangs_under_many_large_appends_gets_no_copy_beyond_the_distance_that_readers_look_back() {
    let broker = Arc::new(OwnKafka::start());
    let dir = tempfile::tempdir().unwrap();
    let (kafka, log) = opened(&broker, dir.path()).await;
    broker.pause();
    let appends: Vec<_> = (0..LARGE_APPENDS)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move { log.append(TOPIC, many("a", 1_000)).await })
        })
        .collect();
    tokio::time::sleep(PAUSE).await;
    broker.resume();
    for appended in within(join_all(appends)).await {
        appended.unwrap().unwrap();
    }
    until_direct(&log).await;
    let lines = read_all(&*kafka).await;
    let (copies, farthest) = copies(&lines);
    println!("{copies} copies, {farthest} records apart");
    assert_eq!(lines.iter().filter(|line| line.key == "a").count() - copies, LARGE_APPENDS * 1_000);
    assert!(farthest < REPEAT_RECORDS, "{copies} copies, {farthest} records apart");
    log.close().await;
    kafka.close(Duration::from_secs(5)).await;
}
