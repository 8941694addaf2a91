//! SIGKILL at random moments: what was answered with 2xx is in every sink exactly once.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::Rng;
use serde_json::Value;
use testkit::readers;
use testkit::seed::seeded;
use testkit::services::postgres::{OwnPostgres, connect};

use crate::clients::Clients;
use crate::server::{Server, fixture};

const KILLS: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_is_in_every_sink_exactly_once_after_thirty_kills() {
    let mut random = seeded();
    let database = OwnPostgres::start();
    let url = database.new_database().await;
    let geo = fixture("geo/city/logs-city-geoip2.mmdb");
    let fast = [("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "150"), ("PAGEBERG_LOG__SEGMENT_BYTES", "200000")];
    let mut server = Server::start(&["--postgres", &url, "--geo", &geo], &fast).await;

    let clients = Clients::start(&server.url(), 4, 20, Duration::ZERO);
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..1_500))).await;
        server.kill_and_restart().await;
    }
    let acknowledged = clients.stop().await;
    server.until_delivered().await;
    assert!(acknowledged.len() > KILLS, "only {} events were acknowledged", acknowledged.len());
    let sinks = [
        ("postgres", ids_in_postgres(&url).await),
        ("topic", ids_in_topic(&server)),
        ("iceberg by DuckDB", readers::ids("duckdb", &server.data())),
        ("iceberg by PyIceberg", readers::ids("pyiceberg", &server.data())),
    ];
    expect_each_once(&acknowledged, &sinks);
    println!("{KILLS} kills, {} acknowledged, {} delivered", acknowledged.len(), sinks[0].1.len());
    server.stop().await;
}

/// No sink has an event twice, lacks an acknowledged one, or differs from the first. The ids come sorted.
pub fn expect_each_once(acknowledged: &BTreeSet<String>, sinks: &[(&str, Vec<String>)]) {
    for (sink, ids) in sinks {
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{sink} has events twice");
        let lost = acknowledged.iter().filter(|id| !distinct.contains(id)).count();
        assert_eq!(lost, 0, "{sink} lacks acknowledged events");
        assert!(*ids == sinks[0].1, "{sink} and {} differ", sinks[0].0);
    }
}

/// The ids of all rows, sorted.
pub async fn ids_in_postgres(url: &str) -> Vec<String> {
    let rows = connect(url).await.query("SELECT event_id::text FROM processed_events", &[]).await.unwrap();
    let mut ids: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    ids.sort();
    ids
}

fn ids_in_topic(server: &Server) -> Vec<String> {
    let records = server.run(&["topic", "read", "pageberg.raw_events_kafka"]);
    let mut ids: Vec<String> = records.lines().map(|line| id_of(line.as_bytes())).collect();
    ids.sort();
    ids
}

/// The id in a record of the downstream topic.
pub fn id_of(record: &[u8]) -> String {
    serde_json::from_slice::<Value>(record).unwrap()["event_id"].as_str().unwrap().to_owned()
}
