//! The main job on real traffic: a web server's log in, the same rows out of Postgres, the downstream topic and Iceberg.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::services::postgres::{connect, new_database};

use crate::server::{Server, fixture};
use testkit::readers;

const LINES: usize = 10_000;

/// The log's requests from programs, as `visit` counts them.
const BOTS: u64 = 2_016;

#[tokio::test(flavor = "multi_thread")]
async fn a_web_log_arrives_in_every_sink_with_the_same_places_and_resuming_adds_nothing() {
    let url = new_database().await;
    let (log, geo) = (fixture("weblogs/access.log"), fixture("geo/city/logs-city-flat.mmdb"));
    let fast = [("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "500")];
    let mut server = Server::start(&["--postgres", &url, "--geo", &geo], &fast).await;

    server.run(&["import", "--to", &server.url(), &log]);
    server.until_delivered().await;
    let expected = readers::countries_of_log(&geo, &log);
    assert_eq!(expected.values().sum::<u64>(), LINES as u64);
    assert_eq!(expected, countries_in_postgres(&url).await, "Postgres");
    assert_eq!(expected, countries_in_topic(&server), "downstream topic");
    assert_eq!(expected, readers::countries("duckdb", &server.data()), "DuckDB");
    assert_eq!(expected, readers::countries("pyiceberg", &server.data()), "PyIceberg");

    let visits = visits_in_postgres(&url).await;
    assert_eq!(visits.iter().filter(|((_, is_bot), _)| *is_bot).map(|(_, rows)| rows).sum::<u64>(), BOTS);
    assert_eq!(visits, visits_of(&topic(&server)), "downstream topic");
    let lake = readers::read("duckdb", &server.data(), "rows");
    assert_eq!(visits, visits_of(lake.as_array().unwrap()), "DuckDB");

    server.run(&["import", "--to", &server.url(), "--resume", &log]);
    let (code, answer) = server.post(r#"{"url":"/the-last-one"}"#).await;
    assert_eq!(code, 200, "{answer}");
    server.until_delivered().await;
    for reader in ["duckdb", "pyiceberg"] {
        let count = readers::read(reader, &server.data(), "count");
        assert_eq!((count["rows"].as_u64(), count["distinct_ids"].as_u64()), (Some(10_001), Some(10_001)), "{reader}");
    }
    assert_eq!(topic(&server).len(), LINES + 1);
    let rows: i64 = connect(&url).await.query_one("SELECT count(*) FROM processed_events", &[]).await.unwrap().get(0);
    assert_eq!(rows, 10_001);
    server.stop().await;
}

async fn countries_in_postgres(url: &str) -> BTreeMap<String, u64> {
    let query = "SELECT geodata::json->>'country', COUNT(1) FROM processed_events GROUP BY 1";
    let rows = connect(url).await.query(query, &[]).await.unwrap();
    let country = |row: &tokio_postgres::Row| row.get::<_, Option<String>>(0).unwrap_or_default();
    rows.iter().map(|row| (country(row), row.get::<_, i64>(1) as u64)).collect()
}

/// Rows by channel and whether they are a bot's.
type Visits = BTreeMap<(String, bool), u64>;

async fn visits_in_postgres(url: &str) -> Visits {
    let query = "SELECT channel, is_bot, COUNT(1) FROM processed_events GROUP BY 1, 2";
    let rows = connect(url).await.query(query, &[]).await.unwrap();
    rows.iter().map(|row| ((row.get(0), row.get(1)), row.get::<_, i64>(2) as u64)).collect()
}

fn visits_of(rows: &[Value]) -> Visits {
    let mut visits = Visits::new();
    for row in rows {
        let key = (row["channel"].as_str().unwrap().to_owned(), row["is_bot"].as_bool().unwrap());
        *visits.entry(key).or_default() += 1;
    }
    visits
}

fn topic(server: &Server) -> Vec<Value> {
    let records = server.run(&["topic", "read", "pageberg.raw_events_kafka"]);
    records.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn countries_in_topic(server: &Server) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for record in topic(server) {
        let geodata: Value = serde_json::from_str(record["geodata"].as_str().unwrap()).unwrap();
        *counts.entry(geodata["country"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}
