//! Many appenders in front of a remote of changing moods: nothing is lost, nothing overtakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use eventlog::memory::MemoryLog;
use eventlog::{EventLog, LogError, NewRecord};
use futures::future::join_all;
use rand::{Rng, SeedableRng, rngs::StdRng};
use spool::{Config, SPOOLED_PARTITION};
use tokio::time::sleep;

use testkit::seed::seed;

use crate::spool::fixture::{Fixture, Line, TOPIC, config, eventually, read_all, record, within, without_duplicates};
use crate::spool::remote::{Mood, Remote};

const APPENDERS: usize = 64;
const OUTAGES: usize = 15;

/// How many records went each way.
#[derive(Default)]
pub(crate) struct Ways {
    pub(crate) direct: AtomicUsize,
    pub(crate) spooled: AtomicUsize,
    pub(crate) over: AtomicBool,
}

/// Appends one append after the other until it is over, each until it is acknowledged. Returns the number of records.
pub(crate) async fn append_in_turn(log: Arc<dyn EventLog>, key: String, seed: u64, ways: Arc<Ways>) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let mut number = 0;
    while !ways.over.load(Relaxed) {
        let count = random.random_range(1..=3);
        let records: Vec<NewRecord> = (number..number + count).map(|n| record(&key, &n.to_string())).collect();
        let positions = loop {
            match log.append(TOPIC, records.clone()).await {
                Err(LogError::Busy) => sleep(Duration::from_millis(1)).await,
                answer => break answer.unwrap(),
            }
        };
        assert_eq!(positions.len(), count);
        let way = if positions[0].0 == SPOOLED_PARTITION { &ways.spooled } else { &ways.direct };
        way.fetch_add(count, Relaxed);
        number += count;
        if random.random_range(0..4) == 0 {
            sleep(Duration::from_millis(random.random_range(0..10))).await;
        }
    }
    number
}

/// Lets outages come and go, each long enough for records to be spooled, each pause for the way back to open.
async fn sway(remote: &Remote, moods: &[Mood], ways: &Ways, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..OUTAGES {
        let spooled = ways.spooled.load(Relaxed);
        eventually(async || {
            remote.set_mood(moods[random.random_range(0..moods.len())]);
            sleep(Duration::from_millis(random.random_range(1..40))).await;
            ways.spooled.load(Relaxed) > spooled
        })
        .await;
        remote.set_mood(Mood::Works);
        let direct = ways.direct.load(Relaxed);
        eventually(async || ways.direct.load(Relaxed) > direct).await;
    }
    ways.over.store(true, Relaxed);
}

/// Appends through outages of these moods, checks what arrived, and returns the number of second copies in it.
async fn copies_under(moods: &[Mood]) -> usize {
    let (seed, ways) = (seed(), Arc::new(Ways::default()));
    let config = Config { replay_batch_bytes: 100_000, segment_bytes: 1 << 20, ..config() };
    let fixture = Fixture::of(config, Remote::new(MemoryLog::new(3), Mood::Works, seed)).await;
    let appending = (0..APPENDERS).map(|n| {
        let seed = seed.wrapping_add(n as u64);
        tokio::spawn(append_in_turn(fixture.log.clone(), format!("key{n}"), seed, ways.clone()))
    });
    let appending: Vec<_> = appending.collect();
    sway(&fixture.remote, moods, &ways, seed).await;
    let numbers: Vec<usize> = within(join_all(appending)).await.into_iter().map(Result::unwrap).collect();
    fixture.until_direct().await;

    let copies = check(&read_all(&*fixture.remote).await, &numbers);
    println!("{:?} direct, {:?} spooled, {copies} copies", ways.direct, ways.spooled);
    copies
}

/// Every appender's records are there, in order, once copies are left out. Returns the number of copies.
pub(crate) fn check(lines: &[Line], numbers: &[usize]) -> usize {
    let seen = without_duplicates(lines);
    for (n, number) in numbers.iter().enumerate() {
        let expected: Vec<String> = (0..*number).map(|n| n.to_string()).collect();
        assert_eq!(seen.get(&format!("key{n}")).cloned().unwrap_or_default(), expected, "key{n}");
    }
    lines.len() - seen.values().map(Vec::len).sum::<usize>()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_of_all_moods_gets_every_record_once_its_copies_are_left_out_and_in_order() {
    let moods = [Mood::Works, Mood::Moody, Mood::Moody, Mood::Down, Mood::Hangs, Mood::Busy];
    assert!(copies_under(&moods).await > 0, "there were copies to be left out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_back_again_and_again_lets_nothing_overtake_and_repeats_nothing() {
    assert_eq!(copies_under(&[Mood::Down]).await, 0);
}

/// Tasks on one thread take other turns than on several.
#[tokio::test]
async fn a_moody_remote_gets_every_record_in_order_from_one_thread_too() {
    copies_under(&[Mood::Moody]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spool_is_left_again_under_load_that_never_pauses() {
    let fixture = Fixture::of(Config::default(), Remote::new(MemoryLog::new(3), Mood::Down, 0)).await;
    let spooled = Arc::new(AtomicUsize::new(0));
    let appending = (0..APPENDERS).map(|n| {
        let (log, spooled) = (fixture.log.clone(), spooled.clone());
        tokio::spawn(async move {
            let key = n.to_string();
            while log.append(TOPIC, vec![record(&key, "x")]).await.unwrap()[0].0 == SPOOLED_PARTITION {
                spooled.fetch_add(1, Relaxed);
            }
        })
    });
    let appending: Vec<_> = appending.collect();
    eventually(async || spooled.load(Relaxed) > 5_000).await;
    fixture.remote.set_mood(Mood::Works);
    within(join_all(appending)).await.into_iter().for_each(Result::unwrap);
    let lines = read_all(&*fixture.remote).await;
    assert_eq!(lines.len(), spooled.load(Relaxed) + APPENDERS, "and none twice");
}

#[tokio::test]
async fn a_record_keeps_its_key_and_id_on_the_way_through_the_spool() {
    let fixture = Fixture::new(Mood::Down).await;
    let records: Vec<_> = ["a", "b", "a"].map(|key| record(key, "x")).into();
    fixture.log.append(TOPIC, records.clone()).await.unwrap();
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.remote.taken()[..3], records);
}
