//! A sink that is down holds nobody back, and what it cannot take is kept.

use crate::server::{Server, fixture};
use testkit::readers;
use testkit::services::postgres::{OwnPostgres, connect, new_database};

#[tokio::test(flavor = "multi_thread")]
async fn postgres_may_be_down_while_the_others_go_on_and_it_catches_up_by_itself() {
    let database = OwnPostgres::start();
    let url = database.new_database().await;
    let fast = [("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "200"), ("PAGEBERG_PIPELINE__RING_BYTES", "20000")];
    let mut server = Server::start(&["--postgres", &url], &fast).await;
    server.post(r#"{"url":"/before"}"#).await;
    server.until_delivered().await;

    database.kill();
    let page = |number: usize| format!("{{\"url\":\"/{number}\"}}\n");
    for request in 0..20 {
        let body: String = (request * 100..request * 100 + 100).map(page).collect();
        assert_eq!(server.post(body).await.0, 200);
    }
    server.until_delivered_by(&["iceberg", "kafka"]).await;
    let status = server.status().await;
    assert_eq!(status["sinks"]["postgres"]["state"], "retrying", "{status}");
    assert_eq!(readers::read("duckdb", &server.data(), "count")["rows"], 2_001);

    database.restart();
    server.until_delivered().await;
    let row =
        connect(&url).await.query_one("SELECT count(*), count(DISTINCT event_id) FROM processed_events", &[]).await;
    let row = row.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (2_001, 2_001));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_postgres_refuses_is_listed_replayed_and_then_delivered_to_postgres_alone() {
    let url = new_database().await;
    let client = connect(&url).await;
    let narrow = "CREATE TABLE processed_events (ip VARCHAR, event_timestamp TIMESTAMP(3), referrer VARCHAR, host VARCHAR, \
        url VARCHAR(20), geodata VARCHAR)";
    client.batch_execute(narrow).await.unwrap();
    let geo = fixture("geo/city/logs-city-flat.mmdb");
    let mut server =
        Server::start(&["--postgres", &url, "--geo", &geo], &[("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "200")]).await;
    let long = "/long".repeat(10);
    let body = format!("{{\"url\":\"/short\"}}\n{{\"url\":\"{long}\"}}\n{{\"url\":\"/short\"}}");
    assert_eq!(server.post(body).await.0, 200);
    server.until_delivered().await;
    let urls = async || {
        let rows = client.query("SELECT url FROM processed_events ORDER BY 1", &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    assert_eq!(urls().await, ["/short", "/short"]);

    let listed = server.run(&["deadletters", "list"]);
    assert!(listed.contains("sink:postgres") && listed.contains("too long"), "{listed}");
    client.batch_execute("ALTER TABLE processed_events ALTER COLUMN url TYPE VARCHAR").await.unwrap();
    let replayed = server.run(&["deadletters", "replay", "--all", "--status", server.status_address()]);
    assert!(replayed.contains('1'), "{replayed}");
    server.until_delivered().await;
    assert_eq!(urls().await, [long.as_str(), "/short", "/short"]);
    assert_eq!(readers::read("duckdb", &server.data(), "count")["rows"], 3);
    assert!(!server.run(&["deadletters", "list"]).contains("sink:postgres"));
    server.stop().await;
}

/// Whoever stops a container waits ten seconds before he kills it. What is not committed by then is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_postgres_is_locked_stops_in_its_time_and_delivers_at_the_next_start() {
    let url = new_database().await;
    let patient = [("PAGEBERG_SHUTDOWN_TIMEOUT_MS", "500"), ("PAGEBERG_POSTGRES__STATEMENT_TIMEOUT_MS", "600000")];
    let mut server = Server::start(&["--postgres", &url], &patient).await;
    server.post(r#"{"url":"/before"}"#).await;
    server.until_delivered().await;

    let holder = connect(&url).await;
    holder.batch_execute("BEGIN; LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    server.post(r#"{"url":"/locked"}"#).await;
    server.until_delivered_by(&["kafka"]).await;
    server.stop().await;
    assert!(server.log().contains("stopped before every sink could commit"), "{}", server.log());

    holder.batch_execute("ROLLBACK").await.unwrap();
    server.start_again().await;
    server.until_delivered().await;
    let rows = connect(&url).await.query("SELECT url FROM processed_events ORDER BY url", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), ["/before", "/locked"]);
    server.stop().await;
}
