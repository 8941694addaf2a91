//! What reading an event costs on one thread: `cargo bench -p visit`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use event::{Draft, Event, LogPosition, Timestamp};
use serde_json::json;
use testkit::fixtures;
use visit::{Reader, read_user_agent};

/// The requests of a web log, with the campaign of an advertisement in every tenth address.
fn web_log() -> Vec<Event> {
    let log = std::fs::read_to_string(fixtures::web_log()).expect("the web log is a fixture");
    log.lines().enumerate().map(|(number, line)| event(number, line)).collect()
}

fn event(number: usize, line: &str) -> Event {
    let fields: Vec<&str> = line.split('"').collect();
    let path = fields[1].split(' ').nth(1).unwrap_or("/");
    let campaign = "?utm_source=google&utm_medium=cpc&utm_campaign=spring+sale&gclid=Cj0KCQiA";
    let url = format!("https://example.com{path}{}", if number.is_multiple_of(10) { campaign } else { "" });
    let record = json!({"url": url, "referrer": fields[3], "user_agent": fields[5], "host": "example.com"}).to_string();
    let position = LogPosition { topic: "raw".into(), partition: 0, offset: 0 };
    let draft = Draft::parse(record.as_bytes()).expect("the record is an object");
    draft.recorded(Timestamp::default(), &position).expect("the record has no times")
}

fn read(criterion: &mut Criterion) {
    let events = web_log();
    let mut reader = Reader::new();
    let mut group = criterion.benchmark_group("events of a web log");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("user agents known", |bencher| {
        bencher.iter(|| events.iter().map(|event| reader.read(event).agent.is_bot as usize).sum::<usize>());
    });
    group.bench_function("nothing known yet", |bencher| {
        let read_all =
            |mut reader: Reader| events.iter().map(|event| reader.read(event).agent.is_bot as usize).sum::<usize>();
        bencher.iter_batched(Reader::new, read_all, BatchSize::PerIteration);
    });
    group.finish();
}

/// Text that makes many rules worth a try.
fn hostile(criterion: &mut Criterion) {
    let rules: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../data/browsers.json")).expect("the rules are JSON");
    let words: String = rules.iter().rev().filter_map(|rule| rule["regex"].as_str()).collect();
    let text: String = words.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ' ').collect();
    criterion.bench_function("a hostile user agent", |bencher| bencher.iter(|| read_user_agent(&text)));
}

criterion_group!(benches, read, hostile);
criterion_main!(benches);
