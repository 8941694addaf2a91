//! Topics of Kafka that change while pageberg works with them: made late, given partitions, made anew.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::kafka_console::{add_partitions, create_topic, delete_topic, read_topic};
use testkit::ports::reserved_address;
use testkit::readers;
use testkit::services::kafka::{self, unique};
use testkit::services::postgres::new_database;

use crate::crash::{expect_each_once, id_of, ids_in_postgres};
use crate::process::Process;

/// A gateway and a worker of a topic of their own, on the shared broker.
struct Job {
    topic: String,
    environment: Vec<(String, String)>,
    gateway_url: String,
    gateway: Process,
    worker: Process,
    postgres_url: String,
    folder: TempDir,
}

impl Job {
    async fn new() -> Self {
        let brokers = tokio::task::block_in_place(kafka::shared).address();
        let (topic, postgres_url) = (unique("web"), new_database().await);
        let (folder, listen) = (tempfile::tempdir().unwrap(), reserved_address());
        let group = format!("{topic}.job");
        let environment = [
            ("KAFKA_URL", brokers),
            ("KAFKA_TOPIC", &topic),
            ("KAFKA_GROUP", &group),
            ("POSTGRES_URL", &postgres_url),
            ("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", "200"),
        ];
        let gateway_url = format!("http://{listen}");
        let ready = Some(format!("{gateway_url}/health/ready"));
        let gateway = Process::new(folder.path(), &["gateway", "--listen", &listen], &environment, ready);
        let worker = Process::new(folder.path(), &["pipeline"], &environment, None);
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { environment, topic, gateway_url, gateway, worker, postgres_url, folder }
    }

    fn brokers(&self) -> &'static str {
        kafka::shared().address()
    }

    /// Posts events of as many visitors, and returns their ids.
    async fn post(&self, events: usize) -> BTreeSet<String> {
        let event =
            |number| json!({"url": format!("https://example.org/{number}"), "ip": format!("192.0.2.{}", number % 250)});
        let body: Vec<Value> = (0..events).map(event).collect();
        let client = reqwest::Client::new();
        let answer = client.post(format!("{}/v1/events", self.gateway_url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        answer["event_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// Waits until every sink has a position in each partition.
    async fn until_begun(&self, partitions: usize) {
        self.worker
            .until("begun", async |worker| {
                let sinks = worker.status().await["sinks"].clone();
                let begun = |sink: &Value| sink["positions"].as_object().is_some_and(|all| all.len() == partitions);
                sinks.as_object().is_some_and(|sinks| !sinks.is_empty() && sinks.values().all(begun))
            })
            .await;
    }

    async fn until_delivered(&self, events: usize) {
        self.worker
            .until("delivered", async |worker| {
                let sinks = worker.status().await["sinks"].clone();
                // The table is there once its sink has begun.
                sinks.as_object().is_some_and(|sinks| !sinks.is_empty() && sinks.values().all(|sink| sink["lag"] == 0))
                    && ids_in_postgres(&self.postgres_url).await.len() >= events
            })
            .await;
    }

    async fn expect_each_once(&self, acknowledged: &BTreeSet<String>) {
        let downstream = format!("{}.raw_events_kafka", self.topic);
        let records = tokio::task::block_in_place(|| read_topic(self.brokers(), &downstream));
        let mut topic: Vec<String> = records.iter().map(|record| id_of(&record.payload)).collect();
        topic.sort();
        let iceberg = readers::ids("duckdb", &self.folder.path().join("data"));
        let sinks = [("postgres", ids_in_postgres(&self.postgres_url).await), ("topic", topic), ("iceberg", iceberg)];
        expect_each_once(acknowledged, &sinks);
    }

    /// Waits until every sink of rows has stopped for a reason that holds this text.
    async fn until_stopped(&self, reason: &str) {
        self.worker
            .until("stopped", async |worker| {
                let sinks = worker.status().await["sinks"].clone();
                ["postgres", "kafka", "iceberg"].iter().all(|sink| {
                    let error = sinks[sink]["error"].as_str().unwrap_or_default();
                    sinks[sink]["state"] == "retrying" && error.contains(reason)
                })
            })
            .await;
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pageberg"));
        command.current_dir(self.folder.path()).args(arguments).envs(self.environment.iter().cloned());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_came_before_the_first_worker_are_delivered() {
    let mut job = Job::new().await;
    job.gateway.start().await;
    let mut acknowledged = job.post(5).await;
    job.worker.start().await;
    job.until_delivered(5).await;
    acknowledged.extend(job.post(5).await);
    job.until_delivered(10).await;
    job.expect_each_once(&acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_lose_nothing_also_when_a_first_start_is_at_the_end() {
    let mut job = Job::new().await;
    create_topic(job.brokers(), &job.topic, 2, &[]).await;
    job.worker.start().await;
    job.until_begun(2).await;
    job.gateway.start().await;
    let mut acknowledged = job.post(100).await;
    job.until_delivered(100).await;

    add_partitions(job.brokers(), &job.topic, 6).await;
    job.gateway.stop().await;
    job.gateway.start().await;
    for _ in 0..5 {
        acknowledged.extend(job.post(200).await);
    }
    job.until_delivered(1_100).await;
    job.expect_each_once(&acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_under_a_running_worker_stops_its_sinks_until_somebody_decides() {
    let mut job = Job::new().await;
    create_topic(job.brokers(), &job.topic, 1, &[]).await;
    job.worker.start().await;
    job.until_begun(1).await;
    job.gateway.start().await;
    let before = job.post(20).await;
    job.until_delivered(20).await;

    delete_topic(job.brokers(), &job.topic).await;
    let admin = job.brokers();
    create_topic(admin, &job.topic, 1, &[]).await;
    job.gateway.stop().await;
    job.gateway.start().await;
    let mut after = job.post(12).await;
    job.until_stopped("").await;
    after.extend(job.post(18).await);
    job.until_stopped("another record").await;
    assert_eq!(ids_in_postgres(&job.postgres_url).await, before.iter().cloned().collect::<Vec<_>>());

    let shown = job.run(&["positions", "show"]);
    assert!(shown.contains("postgres\t0\t20\t0\t30\t10\t19:"), "{shown}");
    job.worker.stop().await;
    for sink in ["postgres", "kafka", "iceberg", "dead_letters"] {
        job.run(&["positions", "set", "--sink", sink, "--to", "earliest", "--dry-run"]);
        let moved = job.run(&["positions", "set", "--sink", sink, "--to", "earliest"]);
        // Kafka has deleted the group's positions together with the topic.
        let from = if ["postgres", "iceberg"].contains(&sink) { "20" } else { "nowhere" };
        assert_eq!(moved, format!("moved {sink} in partition 0 from {from} to 0\n"));
    }
    let written_down = std::fs::read_to_string(job.folder.path().join("data/positions.jsonl")).unwrap();
    assert_eq!(written_down.lines().count(), 4, "{written_down}");
    job.worker.start().await;
    job.until_delivered(50).await;
    job.expect_each_once(&before.union(&after).cloned().collect()).await;
}
