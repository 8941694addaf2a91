//! Readers attach to the catalog under the status address, with a URL alone or with a token as well.

use std::time::{Duration, Instant};

use crate::clients::Clients;
use crate::process::DEADLINE;
use crate::server::Server;
use testkit::readers::{self, Session};

const TOKEN: &str = "s3cret";
const FAST: (&str, &str) = ("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "300");

fn catalog(server: &Server) -> String {
    format!("http://{}/iceberg", server.status_address())
}

/// Waits until the sink has made the table.
async fn until_there_is_a_table(server: &Server) {
    let table = format!("{}/v1/namespaces/web/tables/page_views", catalog(server));
    let deadline = Instant::now() + DEADLINE;
    while reqwest::get(&table).await.unwrap().status() != 200 {
        assert!(Instant::now() < deadline, "no table\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Counts until there are more rows than before; there may never be fewer.
fn until_more(session: &mut Session, before: u64) -> u64 {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let rows = session.rows();
        assert!(rows >= before, "{}: {rows} rows after {before}", session.reader);
        if rows > before {
            return rows;
        }
        assert!(Instant::now() < deadline, "{} sees nothing new after {before} rows", session.reader);
    }
}

async fn post(server: &Server, body: &'static str) {
    let (code, answer) = server.post(body).await;
    assert_eq!(code, 200, "{answer}");
    server.until_delivered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_pyiceberg_and_spark_count_the_same_while_events_are_written_and_cannot_write_themselves() {
    let server = Server::start(&[], &[FAST, ("PAGEBERG_ICEBERG__REST__TOKEN", TOKEN)]).await;
    post(&server, r#"{"url":"/first"}"#).await;
    let url = catalog(&server);
    let mut sessions = ["duckdb", "pyiceberg", "spark"].map(|reader| Session::attach(reader, &url, TOKEN));
    for session in &mut sessions {
        assert_eq!(session.rows(), 1, "{}", session.reader);
    }
    let clients = Clients::start(&server.url(), 2, 20, Duration::from_millis(50));
    for session in &mut sessions {
        let mut rows = session.rows();
        for _ in 0..3 {
            rows = until_more(session, rows);
        }
    }
    let all = clients.stop().await.len() as u64 + 1;
    server.until_delivered().await;
    for session in &mut sessions {
        assert_eq!(session.rows(), all, "{}", session.reader);
        assert!(!session.errors().contains("VersionParseException"), "{} ignores statistics", session.reader);
        let refused = session.ask("append").unwrap()["refused"].to_string();
        assert!(refused.contains("this catalog is read-only: post page views"), "{}: {refused}", session.reader);
        assert_eq!(session.rows(), all, "{}", session.reader);
    }
    for (token, reader) in [("", "duckdb"), ("s3cre", "duckdb"), ("", "pyiceberg"), ("s3cre", "pyiceberg")] {
        let refused = Session::attach(reader, &url, token).ask("count").unwrap_err();
        assert!(refused.to_lowercase().contains("unauthorized"), "{reader}: {refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_attach_without_a_token_when_none_is_asked_for_even_to_a_table_without_rows() {
    let mut server = Server::start(&[], &[FAST]).await;
    until_there_is_a_table(&server).await;
    let mut sessions = ["duckdb", "pyiceberg"].map(|reader| Session::attach(reader, &catalog(&server), ""));
    for session in &mut sessions {
        assert_eq!(session.rows(), 0, "{}", session.reader);
    }
    post(&server, r#"[{"url":"/a"},{"url":"/b"}]"#).await;
    for session in &mut sessions {
        assert_eq!(session.rows(), 2, "{}", session.reader);
        let ids = session.ask("ids").unwrap();
        assert_eq!(ids, readers::read(session.reader, &server.data(), "ids"), "{}", session.reader);
    }
    server.kill_and_restart().await;
    for session in &mut sessions {
        assert_eq!(session.rows(), 2, "{} after a restart", session.reader);
    }
}

#[tokio::test]
async fn a_process_that_does_not_write_the_table_has_no_catalog() {
    let server = Server::start(&["--sinks", "kafka"], &[]).await;
    let answer = reqwest::get(format!("{}/v1/config", catalog(&server))).await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(!server.data().join("catalog.sqlite").exists());
}
