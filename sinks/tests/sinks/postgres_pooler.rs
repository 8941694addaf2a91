//! The Postgres sink behind a real PgBouncer that hands each transaction to another session.

use event::{Reenrichment, Timestamp};
use sinks::postgres::{Config, PostgresSink, migrate, reach, reenrich};
use testkit::services::pooler::Pooler;
use testkit::services::postgres::{connect, new_database};
use tokio_postgres::SimpleQueryMessage;

use crate::events::{batch, deliver, step};

#[tokio::test]
async fn a_pooler_that_hands_each_transaction_to_another_session_serves_several_sinks() {
    let url = new_database().await;
    let pooler = Pooler::start(&url);
    let pooled = Config { url: Some(pooler.url(&url).as_str().into()), ..Config::default() };
    assert!(reach(&pooled).await.unwrap().starts_with(char::is_numeric));
    migrate(&pooled).await.unwrap();
    let mut sinks = ["one", "two", "three"].map(|consumer| PostgresSink::new(&pooled, consumer).unwrap());
    for round in 0..5 {
        for sink in &mut sinks {
            let (first, next) = (round * 10, round * 10 + 10);
            deliver(sink, &batch(first..next), &step(0, (round > 0).then_some(first), next)).await;
        }
    }
    let range = Timestamp::parse("2000-01-01T00:00:00Z").unwrap()..Timestamp::parse("2100-01-01T00:00:00Z").unwrap();
    let asked = Reenrichment {
        range,
        dry_run: false,
        locate: &mut |_| None,
        watch: &mut |_| std::ops::ControlFlow::Continue(()),
    };
    assert_eq!(reenrich(&pooled, asked).await.unwrap().rows.rows(), 150);
    let rows: i64 = connect(&url).await.query_one("SELECT count(*) FROM processed_events", &[]).await.unwrap().get(0);
    assert_eq!(rows, 150);
}

#[tokio::test]
async fn nothing_is_left_in_a_pooler_s_sessions() {
    let url = new_database().await;
    let pooler = Pooler::start(&url);
    let pooled = Config { url: Some(pooler.url(&url).as_str().into()), ..Config::default() };
    let mut sink = PostgresSink::new(&pooled, "web").unwrap();
    deliver(&mut sink, &batch(0..10), &step(0, None, 10)).await;
    let other = connect(&pooler.url(&url)).await;
    let plain = connect(&url).await;
    let sql = "SELECT pg_backend_pid(), current_setting('statement_timeout'), \
        current_setting('idle_in_transaction_session_timeout'), current_setting('client_min_messages'), \
        (SELECT count(*) FROM pg_prepared_statements)";
    let own = plain.simple_query(sql).await.unwrap();
    for _ in 0..6 {
        assert_eq!(values(&other.simple_query(sql).await.unwrap()), values(&own));
    }
}

/// All but the first value, the session's id.
fn values(answer: &[SimpleQueryMessage]) -> Vec<String> {
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = row.unwrap();
    (1..row.len()).map(|column| row.get(column).unwrap().to_owned()).collect()
}
