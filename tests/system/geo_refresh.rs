//! Geo databases that are replaced again and again, one time in three by something broken, while events stream in.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::server::{Server, fixture};
use testkit::readers;

const CLIENTS: usize = 3;
const EVENTS_A_REQUEST: usize = 40;
const SWAP_INTERVAL: Duration = Duration::from_millis(200);
/// An address in Moscow, which the second edition writes in capitals.
const VISITOR: &str = "83.149.9.216";
const BUILD_DATES: [&str; 2] = ["2026-01-01", "2026-01-02"];

/// 24 swaps, or as many as PAGEBERG_TEST_GEO_SWAPS says.
fn swaps() -> usize {
    std::env::var("PAGEBERG_TEST_GEO_SWAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_new_and_broken_geo_databases_loses_no_event_and_shows_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dbip-city.mmdb");
    let [first, second] = editions();
    fs::write(&file, &first).unwrap();
    let fast = [
        ("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "200"),
        ("PAGEBERG_GEO__REFRESH__CHECK_INTERVAL_MS", "30"),
        ("PAGEBERG_GEO__REFRESH__ALLOW_OLDER", "true"),
    ];
    let mut server = Server::start(&["--geo", file.to_str().unwrap(), "--sinks", "kafka,iceberg"], &fast).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(post(server.url(), client, stop.clone()));
    }
    for swap in 0..swaps() {
        let broken = [&first[..first.len() / 2], b"<html>no database</html>", &[0; 100_000], b""];
        let content = match swap % 3 {
            0 => &second,
            1 => broken[swap / 3 % broken.len()],
            _ => &first[..],
        };
        replace(&file, content, swap % 2 == 0);
        sleep(SWAP_INTERVAL).await;
    }
    stop.store(true, Ordering::Relaxed);
    let posted: BTreeSet<String> = clients.join_all().await.into_iter().flatten().collect();
    server.until_delivered().await;

    let topic = rows_of_topic(&server);
    let ids: Vec<&str> = topic.iter().map(|row| row["event_id"].as_str().unwrap()).collect();
    expect_each_once(&posted, &ids, "the topic");
    let ids = readers::ids("duckdb", &server.data());
    expect_each_once(&posted, &ids.iter().map(String::as_str).collect::<Vec<_>>(), "Iceberg");
    let seen: BTreeSet<&str> = topic.iter().map(edition_of).collect();
    assert_eq!(seen, BTreeSet::from(BUILD_DATES));
    assert_eq!(server.run(&["deadletters", "list"]), "");
    expect_only_refusals_in(&server.log());
    let geo = server.status().await["geo"].clone();
    assert!(geo["lookups"].as_u64() > Some(0) && geo["misses"] == 0, "{geo}");
    assert_eq!(geo["attribution"], json!([{"text": "IP Geolocation by DB-IP", "url": "https://db-ip.com"}]));
    let database = &geo["databases"][0];
    assert!(database["refreshes"].as_u64() > Some(2) && database["refusals"].as_u64() > Some(2), "{database}");
    server.stop().await;
}

/// The same database as if built on two days, the second with another spelling.
fn editions() -> [Vec<u8>; 2] {
    let first_of_january = 1_767_225_600_u32;
    [0, 1].map(|day| {
        let mut bytes = fs::read(fixture("geo/city/logs-city-flat.mmdb")).unwrap();
        // The value's type follows its key: an extended one (uint64) of four bytes.
        let built = places_of(&bytes, b"build_epoch\x04\x02")[0] + 13;
        bytes[built..built + 4].copy_from_slice(&(first_of_january + day * 86_400).to_be_bytes());
        if day == 1 {
            for at in places_of(&bytes, b"Moscow") {
                bytes[at..at + 6].make_ascii_uppercase();
            }
        }
        bytes
    })
}

fn places_of(bytes: &[u8], text: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(text.len()).enumerate();
    windows.filter(|(_, window)| *window == text).map(|(at, _)| at).collect()
}

fn replace(file: &Path, content: &[u8], in_place: bool) {
    if in_place {
        return fs::write(file, content).unwrap();
    }
    let new = file.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, file).unwrap();
}

/// Posts without pause until it shall stop; returns the ids of all events, each of which was acknowledged.
async fn post(url: String, client: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let http = reqwest::Client::new();
    let mut ids = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let event = |number| json!({"url": format!("/{client}/{number}"), "ip": VISITOR}).to_string() + "\n";
        let body: String = (0..EVENTS_A_REQUEST).map(event).collect();
        let answer = http.post(format!("{url}/v1/events")).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        ids.extend(answer["event_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()));
    }
    ids
}

fn rows_of_topic(server: &Server) -> Vec<Value> {
    let records = server.run(&["topic", "read", "pageberg.raw_events_kafka"]);
    records.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn expect_each_once(posted: &BTreeSet<String>, ids: &[&str], place: &str) {
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(distinct.len(), ids.len(), "{place} has events twice");
    assert!(distinct.iter().copied().eq(posted.iter().map(String::as_str)), "{place} does not hold what was posted");
}

/// The build date of the edition that placed this row, whose place must be the one that it tells.
fn edition_of(row: &Value) -> &str {
    let (name, date) = row["geo_database"].as_str().unwrap().split_once('@').unwrap();
    assert_eq!(name, "dbip-city");
    let city = if date == BUILD_DATES[0] { "Moscow" } else { "MOSCOW" };
    let geodata: Value = serde_json::from_str(row["geodata"].as_str().unwrap()).unwrap();
    assert_eq!(geodata, json!({"country": "RU", "state": city, "city": city}), "{date}");
    date
}

fn expect_only_refusals_in(log: &str) {
    let bad = |line: &&str| {
        line.contains("ERROR") || line.contains("panicked") || line.contains("WARN") && !line.contains("was refused")
    };
    assert_eq!(log.lines().filter(bad).collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(log.contains("was refused"));
}
