//! Clients that post without pause, whatever happens to the server, and remember what was acknowledged.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;

/// Every other client gives its events ids and sends them again until they are acknowledged, as a careful sender does.
pub struct Clients {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    url: String,
    most_events: usize,
    pause: Duration,
    stop: AtomicBool,
    acknowledged: Mutex<BTreeSet<String>>,
}

impl Clients {
    /// Starts this many, each posting 1 to `most_events` events a request, with a pause in between.
    pub fn start(url: &str, clients: usize, most_events: usize, pause: Duration) -> Self {
        let (stop, acknowledged) = (AtomicBool::new(false), Mutex::default());
        let shared = Arc::new(Shared { url: format!("{url}/v1/events"), most_events, pause, stop, acknowledged });
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            tasks.spawn(post(shared.clone(), number));
        }
        Self { shared, tasks }
    }

    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.lock().unwrap().len()
    }

    /// Stops them after the request in flight and returns the ids of all acknowledged events.
    pub async fn stop(self) -> BTreeSet<String> {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        std::mem::take(&mut self.shared.acknowledged.lock().unwrap())
    }
}

async fn post(shared: Arc<Shared>, client: usize) {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let mut request = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let body = events(client, request, 1 + request % shared.most_events);
        match http.post(&shared.url).body(body).send().await {
            Ok(answer) if answer.status() == 200 => {
                // The ids may be lost with the connection although the events are durable.
                if let Ok(answer) = answer.json::<Value>().await {
                    let ids = answer["event_ids"].as_array().unwrap();
                    let ids = ids.iter().map(|id| id.as_str().unwrap().to_owned());
                    shared.acknowledged.lock().unwrap().extend(ids);
                }
                request += 1;
                tokio::time::sleep(shared.pause).await;
            }
            Ok(answer) => {
                assert!(matches!(answer.status().as_u16(), 429 | 503), "{}", answer.status());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// NDJSON; the same request has the same events.
fn events(client: usize, request: usize, count: usize) -> String {
    let event = |number: usize| {
        let address = format!("83.149.{}.{}", client, number % 250 + 1);
        let url = format!("/{client}/{request}/{number}");
        let mut event = serde_json::json!({"url": url, "ip": address, "host": "example.org"});
        if client.is_multiple_of(2) {
            let id = uuid::Uuid::from_u64_pair(client as u64 + 1, (request << 20 | number) as u64);
            event["event_id"] = id.to_string().into();
        }
        event.to_string() + "\n"
    };
    (0..count).map(event).collect()
}
