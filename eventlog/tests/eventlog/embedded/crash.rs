//! Kills a process that appends, again and again: what it was told is durable must be there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use eventlog::EventLog;
use eventlog::embedded::EmbeddedLog;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::embedded::child::{report, reports, start};
use crate::embedded::fixture::{DEADLINE, TOPIC, advance, append, open, position, read_from, record};

const SEGMENT_BYTES: u64 = 16 << 10;
const KILLS: usize = 15;
/// Outputs of each transaction.
const OUTPUTS: usize = 3;

/// The part of the process that is killed: four tasks append, one commits transactions; each reports what was
/// acknowledged.
pub(crate) async fn append_until_killed(dir: &Path) {
    let log = open(dir, SEGMENT_BYTES).unwrap();
    let run: u64 = rand::random();
    for task in 0..4 {
        let log = log.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let payload = format!("{run} {task} {number} {}", "x".repeat(1 + number % 400));
                let offset = append(&log, payload.clone()).await.unwrap();
                report(&format!("appended {offset} {payload}"));
            }
        });
    }
    let mut transactor = log.transactor("sink", TOPIC).await.unwrap();
    let mut expected = position(&log).await;
    loop {
        let next = expected.map_or(0, |expected| expected + 1);
        let outputs = (0..OUTPUTS).map(|_| record(format!("transaction {next}"))).collect();
        transactor.commit(outputs, &advance(expected, next)).await.unwrap();
        report(&format!("committed {next}"));
        expected = Some(next);
    }
}

/// What the killed processes were told.
#[derive(Default)]
struct Acknowledged {
    appended: BTreeMap<i64, String>,
    committed: Option<i64>,
}

impl Acknowledged {
    fn take(&mut self, report: &str) {
        if let Some(next) = report.strip_prefix("committed ") {
            self.committed = Some(next.parse().unwrap());
        } else {
            let (offset, payload) = report.strip_prefix("appended ").unwrap().split_once(' ').unwrap();
            let before = self.appended.insert(offset.parse().unwrap(), payload.to_owned());
            assert!(before.is_none(), "offset {offset} was given twice");
        }
    }

    async fn check(&self, log: &EmbeddedLog) {
        let records = read_from(log, 0).await.unwrap();
        for (offset, payload) in &self.appended {
            let found = records.get(*offset as usize).map(|record| &record.payload[..]);
            assert_eq!(found.map(String::from_utf8_lossy).as_deref(), Some(payload.as_str()), "offset {offset}");
        }
        let position = position(log).await;
        assert!(position >= self.committed, "{position:?} is before {:?}", self.committed);
        let mut outputs: BTreeMap<i64, usize> = BTreeMap::new();
        for record in &records {
            if let Some(number) = record.payload.strip_prefix(b"transaction ") {
                *outputs.entry(str::from_utf8(number).unwrap().parse().unwrap()).or_default() += 1;
            }
        }
        assert_eq!(outputs.last_key_value().map(|(number, _)| *number), position);
        assert!(outputs.values().all(|count| *count == OUTPUTS), "half of a transaction is there");
    }
}

/// Starts a process, kills it some time after its first report, and takes all its reports.
fn run_and_kill(dir: &Path, life: Duration, acknowledged: &mut Acknowledged) {
    let mut child = start("append", dir, "");
    let stdout = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    let reading = thread::spawn(move || reports(stdout).for_each(|report| sender.send(report).unwrap()));
    let first = receiver.recv_timeout(DEADLINE).expect("a first report");
    thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap();
    acknowledged.take(&first);
    receiver.into_iter().for_each(|report| acknowledged.take(&report));
}

#[tokio::test]
async fn everything_acknowledged_survives_being_killed_at_any_moment() {
    let seed = std::env::var("PAGEBERG_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    for _ in 0..KILLS {
        run_and_kill(dir.path(), Duration::from_micros(random.random_range(0..60_000)), &mut acknowledged);
        let log = open(dir.path(), SEGMENT_BYTES).unwrap();
        acknowledged.check(&log).await;
        log.close().await;
    }
    assert!(acknowledged.appended.len() > KILLS, "the processes came to append");
}
