//! Readers that query without end, and what they must find each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lake::rows::{ROWS, TOPIC};
use lakekit::catalogs::Lake;
use testkit::readers::Session;

/// Rows of a commit of PyIceberg's.
const FOREIGN_ROWS: i64 = 3;

/// What PyIceberg runs to append such rows.
const APPEND: &str = "
import datetime, pyarrow
from pyiceberg.exceptions import CommitFailedException, ValidationException

def row(offset):
    day = datetime.datetime(2026, 1, 1 + offset % 2, tzinfo=datetime.timezone.utc)
    identity = {'event_id': f'foreign-{offset}', 'event_timestamp': day, 'received_at': day, 'late': False}
    return identity | {'log_topic': 'foreign', 'log_partition': 0, 'log_offset': offset}

table = catalog.load_table(name)
rows = [row(offset) for offset in range({first}, {first} + 3)]
rows = pyarrow.Table.from_pylist(rows, schema=table.schema().as_arrow())
while True:
    try:
        table.refresh().append(rows)
        break
    # The second when it wants to see the snapshot that it began with, and the catalog shows the newest alone.
    except (CommitFailedException, ValidationException):
        pass
";

/// What is certainly committed.
#[derive(Default)]
pub struct Progress {
    /// Commits of the writer.
    pub committed: AtomicI64,
    /// Commits of PyIceberg.
    pub foreign: AtomicI64,
    /// Readers that have had an answer.
    pub answered: AtomicUsize,
    /// Whether the readers are to end.
    pub stop: AtomicBool,
}

impl Progress {
    fn so_far(&self) -> [i64; 2] {
        [self.committed.load(Ordering::Acquire), self.foreign.load(Ordering::Acquire)]
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// What became of a reader.
pub struct Report {
    pub name: String,
    pub queries: u64,
    pub slowest: Duration,
    pub failure: Option<String>,
    pub session: Session,
}

/// Asks again and again until told to stop, or until an answer is wrong.
pub fn readers(mut session: Session, name: String, progress: Arc<Progress>, pause: Duration) -> JoinHandle<Report> {
    std::thread::spawn(move || {
        let (mut queries, mut slowest, mut failure) = (0, Duration::ZERO, None);
        let mut least = progress.so_far();
        while failure.is_none() && !progress.is_over() {
            let (before, began) = (progress.so_far(), Instant::now());
            least = [least[0].max(before[0]), least[1].max(before[1])];
            match session.ask("topics").and_then(|answer| counted(&answer, least)) {
                Ok(found) => least = found,
                Err(wrong) => failure = Some(wrong),
            }
            if queries > 0 {
                slowest = slowest.max(began.elapsed());
            } else {
                progress.answered.fetch_add(1, Ordering::AcqRel);
            }
            queries += 1;
            std::thread::sleep(pause);
        }
        Report { name, queries, slowest, failure, session }
    })
}

/// PyIceberg writes, too, spread over the writer's commits.
pub fn appends(lake: Arc<Lake>, count: i64, commits: i64, progress: Arc<Progress>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for number in 0..count {
            while progress.so_far()[0] < number * commits / count {
                assert!(!progress.is_over(), "PyIceberg appended only {number} times");
                std::thread::sleep(Duration::from_millis(20));
            }
            lake.pyiceberg(&APPEND.replace("{first}", &(number * FOREIGN_ROWS).to_string()));
            progress.foreign.store(number + 1, Ordering::Release);
        }
    })
}

/// The number of commits that an answer holds, each whole and once, and at least as many as these.
pub fn counted(answer: &Value, least: [i64; 2]) -> Result<[i64; 2], String> {
    let mut found = [0; 2];
    for (index, (topic, rows_a_commit)) in [(TOPIC, ROWS), ("foreign", FOREIGN_ROWS)].into_iter().enumerate() {
        let number = |key: &str| answer[topic][key].as_i64().unwrap_or_default();
        let rows = number("rows");
        let is_gapless = rows == 0 || (number("least"), number("most")) == (0, rows - 1);
        if number("distinct") != rows || !is_gapless || rows % rows_a_commit != 0 {
            return Err(format!("{topic}: rows are lost or doubled: {answer}"));
        }
        found[index] = rows / rows_a_commit;
        if found[index] < least[index] {
            return Err(format!("{topic}: {} commits are found of {}", found[index], least[index]));
        }
    }
    Ok(found)
}

#[test]
fn what_no_reader_may_find_is_seen() {
    let answer = |rows: i64, distinct: i64, most: i64| serde_json::json!({TOPIC: {"rows": rows, "distinct": distinct, "least": 0, "most": most}});
    assert_eq!(counted(&answer(ROWS, ROWS, ROWS - 1), [1, 0]), Ok([1, 0]));
    assert_eq!(counted(&serde_json::json!({}), [0, 0]), Ok([0, 0]));
    for (wrong, least) in [
        (answer(ROWS, ROWS, ROWS - 1), [2, 0]),
        (answer(ROWS, ROWS, ROWS - 1), [1, 1]),
        (answer(ROWS + 1, ROWS + 1, ROWS), [1, 0]),
        (answer(2 * ROWS, ROWS, ROWS - 1), [1, 0]),
        (answer(ROWS, ROWS, 2 * ROWS - 1), [1, 0]),
    ] {
        assert!(counted(&wrong, least).is_err(), "{wrong}");
    }
}
