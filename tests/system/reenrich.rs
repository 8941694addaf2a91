//! Rows of the past are looked up again with another database while the server writes, through SIGKILLs.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use rand::Rng;
use serde_json::Value;
use tempfile::NamedTempFile;
use testkit::seed::seeded;
use testkit::services::postgres::{connect, new_database};

use crate::clients::Clients;
use crate::crash::{expect_each_once, ids_in_postgres};
use crate::server::{Server, fixture};
use testkit::readers;

const FROM: &str = "2015-05-18T00:00:00.000Z";
const TO: &str = "2015-05-20T00:00:00.000Z";
const KILLS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_past_get_todays_places_once_while_the_server_goes_on() {
    let mut random = seeded();
    let url = new_database().await;
    let geo = fixture("geo/city/logs-city-flat.mmdb");
    let fast = [("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "150"), ("PAGEBERG_ICEBERG__COMMIT_EVENTS", "150")];
    let mut server = Server::start(&["--postgres", &url, "--geo", &geo], &fast).await;
    let log = every_third_line_of_the_web_log();
    server.run(&["import", "--to", &server.url(), &log.path().display().to_string()]);
    server.until_delivered().await;
    let before = [in_iceberg(&server), in_postgres(&url).await];

    let clients = Clients::start(&server.url(), 2, 20, Duration::from_millis(20));
    let today = fixture("geo/city/logs-city-geoip2.mmdb");
    let reenrich = ["geo", "reenrich", "--from", FROM, "--to", TO, "--geo", &today, "--postgres", &url];
    for new_files in 1..=KILLS {
        kill_after_new_files(&server, &reenrich, new_files);
    }
    for _ in 0..KILLS / 2 {
        kill_after(&server, &reenrich, Duration::from_millis(random.random_range(50..500)));
    }
    let done = server.run(&reenrich);
    let again = server.run(&reenrich);
    println!("{done}{again}");
    let acknowledged = clients.stop().await;
    server.until_delivered().await;
    assert_eq!(server.metric("pageberg_sink_retries_total").await, Vec::<String>::new());

    for line in again.lines() {
        assert!(line.contains(" rows in the range: 0 changed, "), "{done}{again}");
    }
    let after = [in_iceberg(&server), in_postgres(&url).await];
    for (before, after) in before.iter().zip(&after) {
        expect_new_places_in_the_range_alone(before, after);
    }
    let sinks = [
        ("postgres", ids_in_postgres(&url).await),
        ("iceberg by DuckDB", readers::ids("duckdb", &server.data())),
        ("iceberg by PyIceberg", readers::ids("pyiceberg", &server.data())),
    ];
    expect_each_once(&acknowledged, &sinks);
    assert_eq!(sinks[0].1.len() - before[0].len(), live_rows(&after[0]));
    server.stop().await;
}

/// Ends it when it has written so many files, each of which it commits by itself.
fn kill_after_new_files(server: &Server, reenrich: &[&str], new_files: usize) {
    let before = files_of_the_range(server);
    let mut command = server.command(&[reenrich, &["--sinks", "iceberg"]].concat());
    command.env("PAGEBERG_ICEBERG__FILES__TARGET_FILE_BYTES", "1");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while files_of_the_range(server) < before + new_files && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn kill_after(server: &Server, reenrich: &[&str], time: Duration) {
    let mut command = server.command(&[reenrich, &["--sinks", "postgres"]].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn files_of_the_range(server: &Server) -> usize {
    let data = server.data().join("warehouse/web/page_views/data");
    let days = ["event_timestamp_day=2015-05-18", "event_timestamp_day=2015-05-19"];
    days.iter().map(|day| std::fs::read_dir(data.join(day)).unwrap().count()).sum()
}

fn every_third_line_of_the_web_log() -> NamedTempFile {
    let text = std::fs::read_to_string(fixture("weblogs/access.log")).unwrap();
    let mut file = NamedTempFile::new().unwrap();
    text.lines().step_by(3).for_each(|line| writeln!(file, "{line}").unwrap());
    file
}

/// A row, apart from what its database told and what told it.
#[derive(PartialEq, Debug)]
struct Row {
    time: String,
    geo_database: String,
    place: Value,
    rest: Value,
}

type Rows = BTreeMap<String, Row>;

fn expect_new_places_in_the_range_alone(before: &Rows, after: &Rows) {
    let (mut changed, mut kept) = (0, 0);
    for (id, old) in before {
        let new = &after[id];
        assert_eq!((&new.time, &new.rest), (&old.time, &old.rest), "{id}");
        if (FROM..TO).contains(&old.time.as_str()) {
            assert!(old.geo_database.starts_with("logs-city-flat@"), "{old:?}");
            assert!(new.geo_database.starts_with("GeoLite2-City@"), "{new:?}");
            // Both databases are of the same places.
            assert_eq!(new.place["country"], old.place["country"], "{id}");
            changed += 1;
        } else {
            assert_eq!(new, old, "{id}");
            kept += 1;
        }
    }
    assert!(changed > 1_000 && kept > 1_000, "{changed} {kept}");
}

/// Rows that came in while rows of the past were changed: they are of the server's database.
fn live_rows(rows: &Rows) -> usize {
    let live: Vec<&Row> = rows.values().filter(|row| row.time.as_str() > "2016").collect();
    assert!(!live.is_empty() && live.iter().all(|row| row.geo_database.starts_with("logs-city-flat@")));
    live.len()
}

fn in_iceberg(server: &Server) -> Rows {
    let rows = readers::read("duckdb", &server.data(), "rows");
    let rows = rows.as_array().unwrap().iter().cloned();
    rows.map(|mut row| {
        let place = row.as_object_mut().unwrap().remove("geo").unwrap();
        keyed(row, place)
    })
    .collect()
}

async fn in_postgres(url: &str) -> Rows {
    let query = "SELECT row_to_json(e)::text FROM processed_events AS e";
    let rows = connect(url).await.query(query, &[]).await.unwrap();
    let rows = rows.iter().map(|row| serde_json::from_str::<Value>(row.get(0)).unwrap());
    rows.map(|mut row| {
        let place: Value = serde_json::from_str(row["geodata"].as_str().unwrap()).unwrap();
        let fields = row.as_object_mut().unwrap();
        for of_place in ["geodata", "latitude", "longitude", "timezone", "asn", "as_org"] {
            fields.remove(of_place);
        }
        keyed(row, place)
    })
    .collect()
}

fn keyed(mut row: Value, place: Value) -> (String, Row) {
    let fields = row.as_object_mut().unwrap();
    let mut text = |key: &str| fields.remove(key).unwrap().as_str().unwrap_or_default().to_owned();
    let (id, time, geo_database) = (text("event_id"), text("event_timestamp"), text("geo_database"));
    (id, Row { time, geo_database, place, rest: row })
}
