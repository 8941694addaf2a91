//! SIGKILL at random moments: what was answered with 2xx is in every sink exactly once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::postgres::{PostgresServer, connect};
use crate::readers;
use crate::server::{Server, shared};

const KILLS: usize = 30;
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_is_in_every_sink_exactly_once_after_thirty_kills() {
    let seed = std::env::var("PAGEBERG_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("PAGEBERG_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let database = PostgresServer::start();
    let url = database.database().await;
    let geo = shared("geo/derived/logs-city-geoip2.mmdb");
    let fast = [("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "150"), ("PAGEBERG_LOG__SEGMENT_BYTES", "200000")];
    let mut server = Server::start(&["--postgres", &url, "--geo", &geo], &fast).await;

    let clients = Clients::start(&server.url());
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(random.random_range(50..1_500))).await;
        server.kill();
        server.restart().await;
    }
    let acknowledged = clients.stop().await;
    server.until_delivered().await;
    assert!(acknowledged.len() > KILLS, "only {} events were acknowledged", acknowledged.len());

    let sinks = [
        ("postgres", ids_in_postgres(&url).await),
        ("topic", ids_in_topic(&server)),
        ("iceberg", readers::ids("duckdb", &server.data())),
        ("iceberg by PyIceberg", readers::ids("pyiceberg", &server.data())),
    ];
    for (sink, ids) in &sinks {
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{sink} has events twice");
        let lost = acknowledged.iter().filter(|id| !distinct.contains(id)).count();
        assert_eq!(lost, 0, "{sink} lacks acknowledged events");
        assert_eq!(ids, &sinks[0].1, "{sink} and postgres differ");
    }
    println!("{KILLS} kills, {} acknowledged, {} delivered", acknowledged.len(), sinks[0].1.len());
    server.stop().await;
}

async fn ids_in_postgres(url: &str) -> Vec<String> {
    let rows = connect(url).await.query("SELECT event_id::text FROM processed_events", &[]).await.unwrap();
    let mut ids: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    ids.sort();
    ids
}

fn ids_in_topic(server: &Server) -> Vec<String> {
    let records = server.run(&["topic", "read", "pageberg.raw_events_kafka"]);
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event_id"].as_str().unwrap().to_owned();
    let mut ids: Vec<String> = records.lines().map(id).collect();
    ids.sort();
    ids
}

/// Clients that post without pause and remember what was acknowledged. Half of them send ids of their own and send the same
/// events again after a lost answer.
struct Clients {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    tasks: tokio::task::JoinSet<()>,
}

impl Clients {
    fn start(url: &str) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..CLIENTS {
            tasks.spawn(post(format!("{url}/v1/events"), number, stop.clone(), Arc::clone(&acknowledged)));
        }
        Self { stop, acknowledged, tasks }
    }

    async fn stop(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        Arc::into_inner(self.acknowledged).unwrap().into_inner().unwrap()
    }
}

async fn post(url: String, client: usize, stop: Arc<AtomicBool>, acknowledged: Arc<Mutex<BTreeSet<String>>>) {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let mut request = 0;
    let mut body = events(client, request);
    while !stop.load(Ordering::Relaxed) {
        match http.post(&url).body(body.clone()).send().await {
            Ok(answer) if answer.status() == 200 => {
                // The ids may be lost with the connection although the events are durable.
                if let Ok(answer) = answer.json::<Value>().await {
                    let ids = answer["event_ids"].as_array().unwrap();
                    acknowledged.lock().unwrap().extend(ids.iter().map(|id| id.as_str().unwrap().to_owned()));
                }
                request += 1;
                body = events(client, request);
            }
            Ok(answer) => assert!(matches!(answer.status().as_u16(), 429 | 503), "{}", answer.status()),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// NDJSON of a few events; even clients give them ids.
fn events(client: usize, request: usize) -> String {
    let event = |number: usize| {
        let address = format!("83.149.{}.{}", client, number % 250 + 1);
        let mut event =
            serde_json::json!({"url": format!("/{client}/{request}/{number}"), "ip": address, "host": "example.org"});
        if client.is_multiple_of(2) {
            event["event_id"] =
                uuid::Uuid::from_u64_pair(client as u64 + 1, (request * 100 + number) as u64).to_string().into();
        }
        event.to_string() + "\n"
    };
    (0..1 + request % 20).map(event).collect()
}
