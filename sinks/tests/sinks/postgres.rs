//! The Postgres sink on real servers: tables that others made, failures, permissions and TLS.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{Advance, Campaign, Draft, EventId, Timestamp, UserAgent};
use pipeline::{Batch, Sink, SinkError};
use sinks::postgres::{Config, PostgresSink, migrate, reach};
use tokio_postgres::Client;

use crate::events::{TOPIC, batch, batch_of, deliver, enriched, ids, step};
use testkit::ports::reserved_address;
use testkit::services::postgres::{OwnPostgres, connect, new_database};

/// The table as the lab's own init.sql makes it.
pub const LAB_TABLE: &str = "CREATE TABLE IF NOT EXISTS processed_events (
    ip VARCHAR, event_timestamp TIMESTAMP(3), referrer VARCHAR, host VARCHAR, url VARCHAR, geodata VARCHAR)";

pub fn config(url: &str) -> Config {
    Config { url: Some(url.into()), ..Config::default() }
}

pub fn sink(config: &Config) -> PostgresSink {
    PostgresSink::new(config, "web").unwrap()
}

pub async fn event_ids(client: &Client) -> Vec<EventId> {
    let rows = client.query("SELECT event_id::text FROM processed_events", &[]).await.unwrap();
    let mut ids: Vec<_> = rows.iter().map(|row| EventId::parse(row.get(0)).unwrap()).collect();
    ids.sort();
    ids
}

/// The whole chain of an error's causes.
pub fn chain(error: &SinkError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn refused_at_resume(config: &Config) -> String {
    let error = sink(config).resume(TOPIC).await.unwrap_err();
    assert!(matches!(error, SinkError::Retry { .. }), "{error:?}");
    chain(&error)
}

/// Polls until the query gives true.
pub async fn until(client: &Client, condition: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !client.query_one(condition, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(Instant::now() < deadline, "never came true: {condition}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a COPY is waiting for a lock.
const A_COPY_WAITS: &str = "SELECT count(*) > 0 FROM pg_stat_activity
    WHERE query LIKE 'COPY %' AND wait_event_type = 'Lock' AND datname = current_database()";

/// Whether a COPY was begun in a transaction that has not ended.
const A_COPY_BEGAN: &str = "SELECT count(*) > 0 FROM pg_stat_activity
    WHERE query LIKE 'COPY %' AND xact_start IS NOT NULL AND datname = current_database()";

#[tokio::test]
async fn a_table_made_by_the_lab_keeps_its_rows_and_answers_the_lab_s_query() {
    let url = new_database().await;
    let client = connect(&url).await;
    client.batch_execute(LAB_TABLE).await.unwrap();
    let old = "INSERT INTO processed_events VALUES ('192.0.2.9', '2020-01-01 00:00:00', '', 'old', '/old', $1)";
    client.execute(old, &[&r#"{"country": "US", "state": "", "city": ""}"#]).await.unwrap();
    let storage = "SELECT relfilenode FROM pg_class WHERE relname = 'processed_events'";
    let before: u32 = client.query_one(storage, &[]).await.unwrap().get(0);

    let jdbc = format!("\"jdbc:{}\"", url.replace("postgres://pageberg@", "postgresql://"));
    let quoted = Config { user: Some("'pageberg'".to_owned()), ..config(&jdbc) };
    deliver(&mut sink(&quoted), &batch(0..3), &step(0, None, 3)).await;

    let counts = "SELECT geodata::json->>'country', COUNT(1) FROM processed_events GROUP BY 1 ORDER BY 1";
    let rows = client.query(counts, &[]).await.unwrap();
    let counts: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(counts, [("CI".to_owned(), 3), ("US".to_owned(), 1)]);
    let first = "SELECT url, event_timestamp::text, event_id IS NULL, late IS NULL FROM processed_events LIMIT 1";
    let row = client.query_one(first, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2), row.get(3)), ("/old", "2020-01-01 00:00:00", true, true));
    assert_eq!(client.query_one(storage, &[]).await.unwrap().get::<_, u32>(0), before, "the table was rewritten");
}

#[tokio::test]
async fn a_row_reads_back_as_the_event_that_it_was() {
    let url = new_database().await;
    let mut event = enriched(0, 0);
    let json = r#"{"url":"/ü","host":"h","ip":"::1","referrer":"r","event_time":"2015-05-17T10:05:03.123+01:00","site":"shop",
        "plan":{"a":"\u0000"}}"#;
    let time = Timestamp::parse("2026-01-31T09:30:00.5Z").unwrap();
    event.event = Draft::parse(json.as_bytes()).unwrap().recorded(time, &event.position).unwrap();
    event.late = true;
    event.visit.agent = Arc::new(UserAgent { os: Some("iOS".to_owned()), is_bot: true, ..UserAgent::default() });
    event.visit.campaign = Some(Box::new(Campaign { click_id: Some("gclid:ü".to_owned()), ..Campaign::default() }));
    deliver(&mut sink(&config(&url)), &Arc::new(Batch { events: vec![event], ..Batch::default() }), &step(0, None, 1))
        .await;
    let row = "SELECT concat_ws('|', ip, event_timestamp, referrer, host, url, geodata, received_at AT TIME ZONE 'UTC',
        late, latitude IS NULL, properties->'plan'->>'a', properties->'site' IS NULL, event_name, site, browser IS NULL, os,
        is_bot, channel, click_id) FROM processed_events";
    let text: String = connect(&url).await.query_one(row, &[]).await.unwrap().get(0);
    let geodata = r#"{"country":"CI","state":null,"city":null}"#;
    let lab = format!("::1|2015-05-17 09:05:03.123|r|h|/ü|{geodata}");
    let visit = "t|pageview|shop|t|iOS|t|Direct|gclid:ü";
    assert_eq!(text, format!("{lab}|2026-01-31 09:30:00.5|t|t|\u{fffd}|{visit}"));
}

#[tokio::test]
async fn a_row_that_the_table_refuses_is_told_apart_and_the_others_go_on() {
    let url = new_database().await;
    let client = connect(&url).await;
    client.batch_execute(&LAB_TABLE.replace("url VARCHAR", "url VARCHAR(21)")).await.unwrap();
    let mut sink = sink(&config(&url));
    sink.resume(TOPIC).await.unwrap();
    // https://example.com/9 has 21 characters, https://example.com/10 one more.
    sink.write(&batch(9..11)).await.unwrap();
    let Err(SinkError::Refused { reason }) = sink.commit(&step(0, None, 11)).await else { panic!("not refused") };
    assert_eq!(reason, "a value is too long for its column (SQLSTATE 22001, column url)");
    assert_eq!(sink.resume(TOPIC).await.unwrap().get(0), None);
    deliver(&mut sink, &batch(9..10), &step(0, None, 10)).await;
    assert_eq!(event_ids(&client).await, ids(9..10));
}

#[tokio::test]
async fn a_column_that_cannot_take_its_values_is_named_and_no_row_is_blamed() {
    let url = new_database().await;
    connect(&url).await.batch_execute(&LAB_TABLE.replace("ip VARCHAR", "ip INET")).await.unwrap();
    let error = refused_at_resume(&config(&url)).await;
    assert!(error.contains("column ip") && error.contains("inet"), "{error}");
}

#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_commit_has_each_row_once_after_its_restart() {
    let server = OwnPostgres::start();
    let url = server.new_database().await;
    let mut sink = sink(&Config { connect_timeout_ms: 1_000, ..config(&url) });
    deliver(&mut sink, &batch(0..10), &step(0, None, 10)).await;

    let client = connect(&url).await;
    client.batch_execute("BEGIN; LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let observer = connect(&url).await;
    sink.write(&batch(10..20)).await.unwrap();
    let advance = step(0, Some(10), 20);
    let (outcome, ()) = tokio::join!(sink.commit(&advance), async {
        until(&observer, A_COPY_WAITS).await;
        server.kill();
    });
    assert!(matches!(outcome, Err(SinkError::Retry { .. })), "{outcome:?}");
    for _ in 0..20 {
        assert!(matches!(sink.resume(TOPIC).await, Err(SinkError::Retry { .. })));
    }
    server.restart();
    deliver(&mut sink, &batch(10..20), &advance).await;
    assert_eq!(event_ids(&connect(&url).await).await, ids(0..20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_at_any_moment_has_each_row_once_after_its_restart() {
    let server = OwnPostgres::start();
    let url = server.new_database().await;
    let mut sink = sink(&config(&url));
    for round in 0..5_i64 {
        let next = round * 2_000;
        let (events, advance) = (batch(next..next + 2_000), step(0, (round > 0).then_some(next), next + 2_000));
        sink.resume(TOPIC).await.unwrap();
        sink.write(&events).await.unwrap();
        let moment = Duration::from_millis(5 * u64::try_from(round).unwrap());
        _ = tokio::join!(sink.commit(&advance), async {
            tokio::time::sleep(moment).await;
            tokio::task::block_in_place(|| server.kill());
        });
        server.restart();
        deliver(&mut sink, &events, &advance).await;
    }
    assert_eq!(event_ids(&connect(&url).await).await, ids(0..10_000));
}

#[tokio::test]
async fn a_commit_that_is_blocked_gives_up_in_time_and_works_later() {
    let url = new_database().await;
    let mut sink = sink(&Config { statement_timeout_ms: 2_000, ..config(&url) });
    deliver(&mut sink, &batch(0..1), &step(0, None, 1)).await;
    let client = connect(&url).await;
    client.batch_execute("BEGIN; LOCK TABLE processed_events IN ACCESS EXCLUSIVE MODE").await.unwrap();
    sink.write(&batch(1..2)).await.unwrap();
    let began = Instant::now();
    assert!(matches!(sink.commit(&step(0, Some(1), 2)).await, Err(SinkError::Retry { .. })));
    assert!(began.elapsed() < Duration::from_secs(20));
    client.batch_execute("ROLLBACK").await.unwrap();
    deliver(&mut sink, &batch(1..2), &step(0, Some(1), 2)).await;
    assert_eq!(event_ids(&client).await, ids(0..2));
}

#[tokio::test]
async fn a_writer_that_hangs_while_it_copies_holds_no_other_up_and_then_writes_nothing() {
    let url = new_database().await;
    let (mut hanging, mut other) = (sink(&config(&url)), sink(&config(&url)));
    let (events, advance) = (batch(0..100), step(0, None, 100));
    hanging.resume(TOPIC).await.unwrap();
    hanging.write(&events).await.unwrap();
    let mut hung = hanging.commit(&advance);
    let client = connect(&url).await;
    while !client.query_one(A_COPY_BEGAN, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(futures::poll!(hung.as_mut()).is_pending());
    }
    let began = Instant::now();
    deliver(&mut other, &events, &advance).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(matches!(hung.await, Err(SinkError::Moved)));
    assert_eq!(event_ids(&client).await, ids(0..100));
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_noticed_quickly_each_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = reserved_address();
    for address in [silent.local_addr().unwrap().to_string(), away] {
        let url = format!("postgres://pageberg@{address}/pageberg");
        let mut sink = sink(&Config { connect_timeout_ms: 100, ..config(&url) });
        for _ in 0..10 {
            let began = Instant::now();
            assert!(matches!(sink.resume(TOPIC).await, Err(SinkError::Retry { .. })));
            assert!(began.elapsed() < Duration::from_secs(2));
        }
        let outcome = sink.commit(&step(0, None, 1)).await;
        assert!(matches!(outcome, Err(SinkError::Retry { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_server_is_reached_without_making_anything_there() {
    let url = new_database().await;
    assert!(reach(&config(&url)).await.unwrap().starts_with(char::is_numeric));
    until(&connect(&url).await, "SELECT count(*) = 0 FROM pg_tables WHERE schemaname = 'public'").await;
}

#[tokio::test]
async fn any_number_of_processes_may_migrate_at_once() {
    let config = config(&new_database().await);
    futures::future::try_join_all((0..8).map(|_| migrate(&config))).await.unwrap();
    let client = connect(config.url.as_ref().unwrap().expose()).await;
    let applied: i64 = client.query_one("SELECT count(*) FROM pageberg_migrations", &[]).await.unwrap().get(0);
    assert_eq!(applied, 5);
}

#[tokio::test]
async fn a_table_that_was_dropped_is_made_again() {
    let url = new_database().await;
    let client = connect(&url).await;
    migrate(&config(&url)).await.unwrap();
    client.batch_execute("DROP TABLE processed_events").await.unwrap();
    client.batch_execute(LAB_TABLE).await.unwrap();
    deliver(&mut sink(&config(&url)), &batch(0..2), &step(0, None, 2)).await;
    assert_eq!(event_ids(&client).await, ids(0..2));
}

#[tokio::test]
async fn a_user_without_the_right_to_make_tables_can_write_to_those_that_are_there() {
    let url = new_database().await;
    migrate(&config(&url)).await.unwrap();
    let client = connect(&url).await;
    let role = url.rsplit_once('/').unwrap().1.replace("test", "writer");
    client
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT INSERT, SELECT ON processed_events TO {role};
             GRANT SELECT, INSERT, UPDATE ON pageberg_positions TO {role}; GRANT SELECT ON pageberg_migrations TO {role}"
        ))
        .await
        .unwrap();
    let writer = Config { user: Some(role), ..config(&url) };
    deliver(&mut sink(&writer), &batch(0..2), &step(0, None, 2)).await;
    client.batch_execute("DROP TABLE pageberg_migrations").await.unwrap();
    assert!(refused_at_resume(&writer).await.contains("permission denied"));
}

#[tokio::test]
async fn a_table_may_have_any_name_in_any_schema() {
    let url = new_database().await;
    let client = connect(&url).await;
    client.batch_execute("CREATE SCHEMA \"Web Site\"").await.unwrap();
    let named = Config { table: "Web Site.page\"views".to_owned(), ..config(&url) };
    deliver(&mut sink(&named), &batch(0..2), &step(0, None, 2)).await;
    let count = "SELECT (SELECT count(*) FROM \"Web Site\".\"page\"\"views\"),
        (SELECT count(*) FROM \"Web Site\".pageberg_positions), to_regclass('public.pageberg_positions') IS NULL";
    let row = client.query_one(count, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, bool>(2)), (2, 1, true));
    let missing = Config { table: "nowhere.views".to_owned(), ..config(&url) };
    assert!(refused_at_resume(&missing).await.contains("nowhere"));
}

#[tokio::test]
async fn a_jdbc_url_says_in_which_schema_the_table_is() {
    let url = new_database().await;
    let client = connect(&url).await;
    client.batch_execute("CREATE SCHEMA \"my web\"").await.unwrap();
    let place = url.replace("postgres://pageberg@", "jdbc:postgresql://");
    let jdbc = format!("{place}?user=pageberg&currentSchema=%22my%20web%22,public&targetServerType=primary");
    deliver(&mut sink(&config(&jdbc)), &batch(0..2), &step(0, None, 2)).await;
    let sql = "SELECT count(*) FROM \"my web\".processed_events WHERE to_regclass('public.processed_events') IS NULL";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test]
async fn a_table_is_found_where_the_search_path_has_it() {
    let url = new_database().await;
    let client = connect(&url).await;
    client.batch_execute(LAB_TABLE).await.unwrap();
    client.batch_execute("CREATE SCHEMA pageberg").await.unwrap();
    deliver(&mut sink(&config(&url)), &batch(0..2), &step(0, None, 2)).await;
    let row = client.query_one("SELECT count(*) FROM public.processed_events", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 2);
}

#[tokio::test]
async fn pipelines_of_different_names_share_a_database() {
    let url = new_database().await;
    let advance = |partition| Advance { topic: TOPIC.into(), ..step(partition, None, 2) };
    deliver(&mut PostgresSink::new(&config(&url), "one").unwrap(), &batch(0..2), &advance(0)).await;
    deliver(&mut PostgresSink::new(&config(&url), "other").unwrap(), &batch_of(0, 0..2), &advance(0)).await;
    assert_eq!(event_ids(&connect(&url).await).await.len(), 4);
}

#[tokio::test]
async fn certificates_are_verified_and_prefer_goes_on_without_tls() {
    let server = OwnPostgres::start();
    let url = server.new_database().await;
    let modes = |mode: &str| config(&format!("{url}?sslmode={mode}"));
    migrate(&modes("prefer")).await.unwrap();
    assert!(refused_at_resume(&modes("require")).await.contains("does not support TLS"));

    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let client = connect(&url).await;
    write_on_server(&client, "server.crt", &made.cert.pem()).await;
    write_on_server(&client, "server.key", &made.signing_key.serialize_pem()).await;
    client.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    until(&client, "SELECT current_setting('ssl') = 'on'").await;

    assert!(refused_at_resume(&modes("require")).await.contains("UnknownIssuer"));
    migrate(&modes("prefer")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    for mode in ["prefer", "require", "verify-full"] {
        let trusting = Config { tls_ca_file: Some(ca_file.clone()), ..modes(mode) };
        let mut sink = sink(&trusting);
        sink.resume(TOPIC).await.unwrap();
        until(&client, "SELECT count(*) = 1 FROM pg_stat_ssl WHERE ssl").await;
        drop(sink);
        until(&client, "SELECT count(*) = 0 FROM pg_stat_ssl WHERE ssl").await;
    }
}

/// Writes a file into the server's data folder, as the server's own user and readable to it alone. The program must read
/// what it is given, or the server finds its pipe broken.
async fn write_on_server(client: &Client, name: &str, text: &str) {
    assert!(!text.contains('\''));
    let copy = format!(
        "COPY (SELECT 1) TO PROGRAM $program$cat >/dev/null; umask 077; printf '%s' '{text}' > {name}$program$"
    );
    client.batch_execute(&copy).await.unwrap();
}
