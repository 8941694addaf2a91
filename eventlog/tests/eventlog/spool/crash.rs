//! Kills a process that spools and replays, again and again: what it acknowledged must arrive, in order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use eventlog::EventLog;
use eventlog::embedded::{self, EmbeddedLog};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::time::sleep;

use crate::spool::child::{report, reports, start};
use testkit::seed::seed;

use crate::spool::fixture::{
    DEADLINE, Fixture, TOPIC, config, open, read_all, record, until_direct, without_duplicates,
};
use crate::spool::remote::{Mood, Remote};

const KILLS: usize = 15;
const APPENDERS: usize = 8;

/// The remote must outlive the process too.
fn open_remote(dir: &Path, mood: Mood, seed: u64) -> (Arc<EmbeddedLog>, Arc<Remote>) {
    let log = EmbeddedLog::open(&dir.join("remote"), &embedded::Config::default()).unwrap();
    (log.clone(), Remote::new(log, mood, seed))
}

/// The part of the process that is killed: appenders, each with a key that no other run has, report what was acknowledged.
pub(crate) async fn append_until_killed(dir: &Path) {
    let (run, mut random) = (rand::random::<u32>(), StdRng::from_os_rng());
    let (_, remote) = open_remote(dir, Mood::Moody, random.random());
    let log = open(&dir.join("spool"), &config(), &remote).await;
    for appender in 0..APPENDERS {
        let (log, key) = (log.clone(), format!("{run}-{appender}"));
        tokio::spawn(async move {
            for number in 0.. {
                let record = record(&key, &number.to_string());
                while log.append(TOPIC, vec![record.clone()]).await.is_err() {}
                report(&format!("{key} {number}"));
            }
        });
    }
    loop {
        let moods = [Mood::Works, Mood::Moody, Mood::Down, Mood::Hangs];
        remote.set_mood(moods[random.random_range(0..moods.len())]);
        sleep(Duration::from_millis(random.random_range(1..30))).await;
    }
}

/// Starts a process, kills it some time after its first report, and takes all its reports.
fn run_and_kill(dir: &Path, life: Duration, acknowledged: &mut BTreeMap<String, usize>) {
    let mut child = start("append", dir);
    let stdout = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    let reading = thread::spawn(move || reports(stdout).for_each(|report| sender.send(report).unwrap()));
    let first = receiver.recv_timeout(DEADLINE);
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap();
    for report in std::iter::once(first.expect("a first report")).chain(receiver) {
        let (key, number) = report.split_once(' ').unwrap();
        acknowledged.insert(key.to_owned(), number.parse().unwrap());
    }
}

/// Every acknowledged record is there, in order, and at most the one that was under way besides.
fn check(seen: &BTreeMap<String, Vec<String>>, acknowledged: &BTreeMap<String, usize>) {
    for (key, last) in acknowledged {
        let texts = seen.get(key).unwrap_or_else(|| panic!("nothing of {key} arrived"));
        assert!(
            (last + 1..=last + 2).contains(&texts.len()),
            "{key}: {} arrived, {last} was acknowledged",
            texts.len()
        );
        let expected: Vec<_> = (0..texts.len()).map(|n| n.to_string()).collect();
        assert_eq!(*texts, expected, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_arrives_in_order_after_being_killed_at_any_moment() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for kill in 0..KILLS {
        run_and_kill(dir.path(), Duration::from_millis(random.random_range(0..150)), &mut acknowledged);
        if kill % 5 == 4 {
            let (log, remote) = open_remote(dir.path(), Mood::Works, seed);
            let spooled = open(&dir.path().join("spool"), &config(), &remote).await;
            until_direct(&spooled).await;
            let lines = read_all(&*remote).await;
            let seen = without_duplicates(&lines);
            println!(
                "{} lines, {} of them copies",
                lines.len(),
                lines.len() - seen.values().map(Vec::len).sum::<usize>()
            );
            check(&seen, &acknowledged);
            spooled.close().await;
            log.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_is_dropped_in_the_middle_of_a_replay_goes_on_where_it_was() {
    let mut fixture = Fixture::new(Mood::Down).await;
    for n in 0..400 {
        fixture.append("a", &n.to_string()).await.unwrap();
    }
    let mut random = StdRng::seed_from_u64(seed());
    for _ in 0..10 {
        fixture.remote.set_mood(Mood::Moody);
        sleep(Duration::from_millis(random.random_range(0..30))).await;
        fixture = fixture.reopen().await;
    }
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    let seen = without_duplicates(&read_all(&*fixture.remote).await);
    assert_eq!(seen["a"], (0..400).map(|n| n.to_string()).collect::<Vec<_>>());
}
