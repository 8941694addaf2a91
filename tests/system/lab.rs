//! The streaming lab's own topic, table and variables: its producer writes, `pageberg pipeline` takes the place of its job.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use testkit::services::kafka::{self, unique};
use testkit::services::postgres::{connect, new_database};

use crate::process::Process;
use crate::server::fixture;
use testkit::kafka_console::{create_topic, read_topic};

const INIT_SQL: &str = "CREATE TABLE IF NOT EXISTS processed_events (ip VARCHAR, event_timestamp TIMESTAMP(3), \
    referrer VARCHAR, host VARCHAR, url VARCHAR, geodata VARCHAR)";

/// What the lab's producer writes: seven keys, all text, some missing or null; no record key, no headers.
fn records() -> Vec<String> {
    let whole = json!({
        "url": "/signup", "referrer": "https://www.google.com/", "host": "www.example.org", "ip": "8.8.8.8",
        "user_agent": "{\"family\": \"Chrome\", \"major\": \"124\"}",
        "headers": "{\"host\": \"www.example.org\", \"x-forwarded-for\": \"8.8.8.8\"}",
        "event_time": "2024-05-01T12:34:56.789Z",
    });
    let sparse = json!({"url": "/sparse", "referrer": null, "ip": "127.0.0.1", "event_time": null});
    vec![whole.to_string(), sparse.to_string(), "{}".to_owned(), "not JSON".to_owned()]
}

fn produce(brokers: &str, topic: &str) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    for record in records() {
        producer.send(BaseRecord::<(), String>::to(topic).payload(&record)).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_s_records_flow_through_under_the_lab_s_names() {
    let brokers = tokio::task::block_in_place(kafka::shared).address();
    let topic = unique("web-events");
    let url = new_database().await;
    connect(&url).await.batch_execute(INIT_SQL).await.unwrap();
    create_topic(brokers, &topic, 2, &[]).await;
    produce(brokers, &topic);

    let folder = tempfile::tempdir().unwrap();
    let quoted = |text: &str| format!("\"{text}\"");
    let jdbc = url.replace("postgres://pageberg@", "jdbc:postgresql://");
    let environment = [
        ("KAFKA_URL", &*quoted(brokers)),
        ("KAFKA_TOPIC", &*quoted(&topic)),
        ("KAFKA_GROUP", &*quoted(&format!("{topic}.my-group"))),
        ("POSTGRES_URL", &*quoted(&jdbc)),
        ("POSTGRES_USER", &*quoted("pageberg")),
        ("PAGEBERG_PIPELINE__START", "earliest"),
        ("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "200"),
    ];
    let geo = fixture("geo/city/logs-city-flat.mmdb");
    let mut worker = Process::new(folder.path(), &["pipeline", "--geo", &geo], &environment, None);
    worker.start().await;
    worker
        .until("delivered", async |worker| {
            let sinks = worker.status().await["sinks"].clone();
            let delivered = |sink: &str| sinks[sink]["outcomes"]["delivered"].as_u64();
            ["postgres", "kafka", "iceberg"].iter().all(|sink| delivered(sink) == Some(3))
                && delivered("dead_letters") == Some(1)
        })
        .await;

    let query = "SELECT url, ip, event_timestamp::text, geodata::json->>'country' FROM processed_events ORDER BY url";
    let rows = connect(&url).await.query(query, &[]).await.unwrap();
    let text = |row: usize, column: usize| rows[row].get::<_, Option<String>>(column);
    let signup = (0..4).map(|column| text(0, column).unwrap()).collect::<Vec<_>>();
    assert_eq!(signup, ["/signup", "8.8.8.8", "2024-05-01 12:34:56.789", "US"]);
    assert_eq!((text(1, 0).as_deref(), text(1, 3), text(2, 0)), (Some("/sparse"), None, None));

    let downstream = tokio::task::block_in_place(|| read_topic(brokers, &format!("{topic}.raw_events_kafka")));
    let enriched: Vec<Value> =
        downstream.iter().map(|record| serde_json::from_slice(&record.payload).unwrap()).collect();
    let signup = enriched.iter().find(|event| event["url"] == "/signup").unwrap();
    assert_eq!(signup["event_timestamp"], "2024-05-01 12:34:56.789");
    assert_eq!(signup["referrer"], "https://www.google.com/");
    assert_eq!(signup["geodata"], r#"{"country":"US","state":"California","city":"Mountain View"}"#);
    assert_eq!(enriched.len(), 3);
    assert_eq!(read_topic_of_letters(brokers, &topic), ["not JSON"]);
    worker.stop().await;
}

fn read_topic_of_letters(brokers: &str, topic: &str) -> Vec<String> {
    let letters = tokio::task::block_in_place(|| read_topic(brokers, &format!("{topic}.dead_letters")));
    let payload = |record: &testkit::kafka_console::Seen| {
        serde_json::from_slice::<Value>(&record.payload).unwrap()["payload"].as_str().unwrap().to_owned()
    };
    letters.iter().map(payload).collect()
}
