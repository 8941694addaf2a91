//! From a log to a real Postgres that refuses some of the rows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eventlog::memory::MemoryLog;
use eventlog::{EventLog, NewRecord};
use pipeline::{Config, Contents, Pipeline, Status};
use sinks::dead_letters::DeadLetterQueue;
use sinks::postgres::{self, PostgresSink};
use testkit::services::postgres::{connect, new_database};

use crate::events::TOPIC;

const LETTERS: &str = "web.dead_letters";
const DEADLINE: Duration = Duration::from_secs(120);

/// So many records, of which each of every so many is bad.
async fn log_of(records: usize, bad_each: usize) -> Arc<MemoryLog> {
    let log = MemoryLog::new(2);
    let record = |number: usize| {
        let word = if number % bad_each == bad_each / 2 { "bad" } else { "good" };
        let payload = format!(r#"{{"url":"https://{word}.example/{number}"}}"#).into();
        NewRecord { key: vec![u8::from(number.is_multiple_of(3))].into(), event_id: None, payload }
    };
    log.append(TOPIC, (0..records).map(record).collect()).await.unwrap();
    log
}

/// Delivers everything in the log to a database that has refused what it will, and gives the reasons of the letters. What
/// waits at all waits for an hour.
async fn delivered(log: &Arc<MemoryLog>, url: &str) -> Vec<String> {
    let config = postgres::Config { url: Some(url.into()), ..postgres::Config::default() };
    let status = Status::default();
    let letters = DeadLetterQueue::new(log.clone(), LETTERS);
    let pipeline = Pipeline {
        log: log.clone(),
        topic: TOPIC.into(),
        contents: Contents::Events,
        group: "web".to_owned(),
        geo: Arc::default(),
        config: Config { max_retry_wait_ms: 3_600_000, ..Config::default() },
        sinks: vec![Box::new(PostgresSink::new(&config, "web").unwrap())],
        dead_letters: Arc::new(letters.clone()),
        status: status.clone(),
    };
    let mut wanted = 0;
    for partition in log.partitions(TOPIC).await.unwrap() {
        wanted += log.bounds(TOPIC, partition).await.unwrap().end;
    }
    let task = tokio::spawn(pipeline.run(Default::default()));
    let deadline = Instant::now() + DEADLINE;
    while status.sinks().get("postgres").is_none_or(|sink| sink.positions.values().sum::<i64>() < wanted) {
        assert!(Instant::now() < deadline, "{:?}", status.sinks());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    task.abort();
    let mut listing = letters.list().await.unwrap();
    let mut reasons = vec![];
    while let Some(letters) = listing.next().await.unwrap() {
        reasons.extend(letters.into_iter().map(|letter| letter.reason));
    }
    reasons
}

async fn database(sql: &str) -> String {
    let url = new_database().await;
    let config = postgres::Config { url: Some(url.as_str().into()), ..postgres::Config::default() };
    postgres::migrate(&config).await.unwrap();
    connect(&url).await.batch_execute(sql).await.unwrap();
    url
}

/// How many rows there are, how many different ones, and how many bad ones.
async fn counted(url: &str) -> (i64, i64, i64) {
    let sql = "SELECT count(*), count(DISTINCT url), count(*) FILTER (WHERE url LIKE '%bad%') FROM processed_events";
    let row = connect(url).await.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn a_hundred_rows_of_twenty_thousand_that_a_check_refuses_hold_nobody_up() {
    let log = log_of(20_000, 200).await;
    let url = database("ALTER TABLE processed_events ADD CONSTRAINT is_good CHECK (url NOT LIKE '%bad%')").await;
    let began = Instant::now();
    let reasons = delivered(&log, &url).await;
    println!("100 bad rows of 20,000: {:?}", began.elapsed());
    assert_eq!(counted(&url).await, (19_900, 19_900, 0));
    assert_eq!(reasons, vec!["a check failed (SQLSTATE 23514, constraint is_good)"; 100]);
}

#[tokio::test]
async fn one_refused_row_of_twenty_thousand_holds_nobody_up() {
    let log = log_of(20_000, 20_000).await;
    let url = database(
        "CREATE UNIQUE INDEX ON processed_events (url);
         INSERT INTO processed_events (url) VALUES ('https://bad.example/10000')",
    )
    .await;
    let began = Instant::now();
    let reasons = delivered(&log, &url).await;
    println!("1 bad row of 20,000: {:?}", began.elapsed());
    assert_eq!(counted(&url).await, (20_000, 20_000, 1));
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].starts_with("a unique row is there already (SQLSTATE 23505"), "{reasons:?}");
}

#[tokio::test]
async fn a_row_that_a_trigger_refuses_by_a_code_of_its_own_is_a_dead_letter() {
    let log = log_of(2_000, 100).await;
    let url = database(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.url LIKE '%bad%' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'SH001'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON processed_events FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    let reasons = delivered(&log, &url).await;
    assert_eq!(counted(&url).await, (1_980, 1_980, 0));
    assert_eq!(reasons, vec!["a trigger refused it (SQLSTATE SH001)"; 20]);
}
