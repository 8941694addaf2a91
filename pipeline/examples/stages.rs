//! What decoding and enriching a page view costs on one thread, in CPU time:
//!
//!     cargo run --release -p pipeline --example stages -- decode|enrich [ROUNDS]
//!
//! `decode` reads each record as an event; `enrich` does all that the head does with it, decoding included. A round is the
//! 10,000 requests of a web log. For counts of instructions, which no other process disturbs, run it under
//! `valgrind --tool=callgrind --toggle-collect='*Enricher::batch*'`.

use std::hint::black_box;
use std::sync::Arc;

use event::{Draft, LogPosition, Positions, Timestamp};
use eventlog::Record;
use geodata::{GeoDatabase, LiveDatabase};
use pipeline::{Config, Enricher};
use serde_json::json;
use testkit::fixtures;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What is measured, on one batch.
type Work = Box<dyn FnMut(&[Record])>;

const BATCH_RECORDS: usize = 1_700;
const DEFAULT_ROUNDS: usize = 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let stage = arguments.next().unwrap_or_else(|| "enrich".to_owned());
    let rounds = arguments.next().map_or(DEFAULT_ROUNDS, |text| text.parse().expect("a number of rounds"));
    let records = page_views();
    let bytes: usize = records.iter().map(|record| record.payload.len()).sum();
    let mut work: Work = match stage.as_str() {
        "decode" => Box::new(decode),
        "enrich" => enrich(),
        _ => panic!("usage: stages decode|enrich [ROUNDS]"),
    };
    run(&records, 0, &mut work);
    let before = cpu_nanos();
    (1..=rounds).for_each(|round| run(&records, round, &mut work));
    let events = rounds * records.len();
    let micros = (cpu_nanos() - before) as f64 / 1_000.0 / events as f64;
    println!("{stage}: {micros:.3} CPU-µs an event of {} bytes, over {events} events", bytes / records.len());
}

fn run(records: &[Record], round: usize, work: &mut dyn FnMut(&[Record])) {
    let shift = i64::try_from(round * records.len()).expect("few rounds");
    for batch in records.chunks(BATCH_RECORDS) {
        let at = |record: &Record| Record { offset: record.offset + shift, ..record.clone() };
        work(&batch.iter().map(at).collect::<Vec<_>>());
    }
}

fn decode(records: &[Record]) {
    for record in records {
        let position = LogPosition { topic: "raw".into(), partition: record.partition, offset: record.offset };
        let draft = Draft::parse(&record.payload).expect("the record is an object");
        black_box(draft.recorded(record.time, &position)).expect("the record is an event");
    }
}

fn enrich() -> Work {
    let (geo, faults) = GeoDatabase::open(&[fixtures::path("geo/city/logs-city-geoip2.mmdb")]);
    assert!(faults.is_empty(), "the database is a fixture");
    let mut enricher = Enricher::new("raw".into(), Arc::new(LiveDatabase::new(geo)), &Config::default());
    Box::new(move |records| drop(black_box(enricher.batch(records, &Positions::default()))))
}

/// The requests of a web log as other producers write them: seven keys, and no id.
fn page_views() -> Vec<Record> {
    let log = std::fs::read_to_string(fixtures::web_log()).expect("the web log is a fixture");
    log.lines().enumerate().filter_map(|(number, line)| page_view(number, line)).collect()
}

fn page_view(number: usize, line: &str) -> Option<Record> {
    let fields: Vec<&str> = line.split('"').collect();
    let (ip, path) = (line.split(' ').next()?, fields.get(1)?.split(' ').nth(1)?);
    let headers = json!({
        "accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "accept-language": "en-US,en;q=0.5",
        "accept-encoding": "gzip, deflate", "cache-control": "max-age=0", "connection": "keep-alive", "x-forwarded-for": ip,
    });
    let payload = json!({
        "url": format!("http://www.example.org{path}"), "referrer": fields.get(3)?.trim_start_matches('-'),
        "user_agent": fields.get(5)?, "host": "www.example.org", "ip": ip, "headers": headers.to_string(),
        "event_time": format!("2015-05-17T10:05:{:02}.{:03}Z", number % 60, number % 1_000),
    });
    let offset = i64::try_from(number).ok()?;
    Some(Record { partition: 0, offset, time: Timestamp::now(), payload: payload.to_string().into() })
}

/// The time that this thread has had a processor, in nanoseconds.
fn cpu_nanos() -> u64 {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    statistics
        .split(' ')
        .next()
        .and_then(|nanos| nanos.parse().ok())
        .expect("the first number is the time on a processor")
}
