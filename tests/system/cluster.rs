//! A gateway and two pipeline workers on a real Kafka, as separate processes on one machine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use testkit::ports::reserved_address;

use crate::crash::{expect_each_once, id_of, ids_in_postgres};
use crate::process::Process;
use testkit::kafka_console::read_topic;
use testkit::readers;
use testkit::services::kafka::OwnKafka;
use testkit::services::postgres::OwnPostgres;

const PARTITIONS: usize = 4;
const DOWNSTREAM: &str = "pageberg.raw_events_kafka";

pub struct Cluster {
    pub broker: OwnKafka,
    pub postgres: OwnPostgres,
    pub gateway: Process,
    pub workers: [Process; 2],
    pub gateway_url: String,
    postgres_url: String,
    folder: TempDir,
}

impl Cluster {
    /// Starts everything; Iceberg commits at this interval.
    pub async fn start(iceberg_commit_interval_ms: u32) -> Self {
        let (broker, postgres) = (OwnKafka::start(), OwnPostgres::start());
        let (folder, listen) = (tempfile::tempdir().unwrap(), reserved_address());
        let postgres_url = postgres.new_database().await;
        let interval = iceberg_commit_interval_ms.to_string();
        let environment = [
            ("KAFKA_URL", broker.address()),
            ("POSTGRES_URL", &postgres_url),
            ("PAGEBERG_PIPELINE__START", "earliest"),
            ("PAGEBERG_KAFKA__SESSION_TIMEOUT_MS", "6000"),
            ("PAGEBERG_ICEBERG__COMMIT_INTERVAL_MS", &interval),
        ];
        let gateway_url = format!("http://{listen}");
        let ready = Some(format!("{gateway_url}/health/ready"));
        let gateway = Process::new(folder.path(), &["gateway", "--listen", &listen], &environment, ready);
        let worker = || Process::new(folder.path(), &["pipeline"], &environment, None);
        let workers = [worker(), worker()];
        let mut cluster = Self { broker, postgres, gateway, workers, gateway_url, postgres_url, folder };
        cluster.gateway.start().await;
        for worker in &mut cluster.workers {
            worker.start().await;
        }
        cluster.until_running().await;
        cluster
    }

    /// Waits until both workers run all sinks and have all partitions between them.
    pub async fn until_running(&self) {
        self.until_workers("running", |sink| sink["state"] == "running").await;
    }

    /// Waits until all that was acknowledged has reached every sink.
    pub async fn until_delivered(&self) {
        self.until_spool_is_empty().await;
        self.until_workers("delivered", |sink| sink["lag"] == 0).await;
    }

    /// Waits until this worker, which has all partitions, has delivered all that was acknowledged.
    pub async fn until_delivered_by(&self, worker: usize) {
        self.until_spool_is_empty().await;
        self.workers[worker]
            .until("delivered", async |worker| {
                let status = worker.status().await;
                status["sinks"].as_object().is_some_and(|sinks| sinks.values().all(|sink| sink["lag"] == 0))
            })
            .await;
    }

    async fn until_spool_is_empty(&self) {
        let metrics = format!("http://{}/metrics", self.gateway.status_address());
        self.gateway
            .until("spool empty", async |_| {
                let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
                !text.lines().any(|line| line.starts_with("pageberg_spool_records ") && !line.ends_with(" 0"))
            })
            .await;
    }

    async fn until_workers(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        self.workers[0]
            .until(what, async |_| {
                let statuses = [self.workers[0].status().await, self.workers[1].status().await];
                let sinks =
                    statuses.iter().filter_map(|status| status["sinks"].as_object()).flat_map(|sinks| sinks.values());
                statuses.iter().all(Value::is_object)
                    && partitions(&statuses) == PARTITIONS
                    && sinks.into_iter().all(&holds)
            })
            .await;
    }

    /// Whether this worker alone has all partitions.
    pub async fn has_all_partitions(&self, worker: usize) -> bool {
        partitions(&[self.workers[worker].status().await]) == PARTITIONS
    }

    /// The ids that each sink holds, sorted, repeated ones included.
    pub async fn ids(&self) -> [(&'static str, Vec<String>); 3] {
        let records = tokio::task::block_in_place(|| read_topic(self.broker.address(), DOWNSTREAM));
        let mut topic: Vec<String> = records.iter().map(|record| id_of(&record.payload)).collect();
        topic.sort();
        let iceberg = readers::ids("duckdb", &self.data());
        [("postgres", ids_in_postgres(&self.postgres_url).await), ("topic", topic), ("iceberg", iceberg)]
    }

    /// Every acknowledged event is in each sink once, and nothing is in one sink alone.
    pub async fn expect_each_once(&self, acknowledged: &BTreeSet<String>) {
        expect_each_once(acknowledged, &self.ids().await);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Partitions that some worker reads for every one of its sinks.
fn partitions(statuses: &[Value]) -> usize {
    let owned = |status: &Value| -> BTreeSet<String> {
        let positions =
            |sink: &Value| sink["positions"].as_object().into_iter().flat_map(|map| map.keys().cloned()).collect();
        let sinks = status["sinks"].as_object().into_iter().flat_map(|sinks| sinks.values());
        let mut sets = sinks.map(positions);
        let first: BTreeSet<String> = sets.next().unwrap_or_default();
        sets.fold(first, |both, other: BTreeSet<String>| both.intersection(&other).cloned().collect())
    };
    statuses.iter().flat_map(owned).collect::<BTreeSet<_>>().len()
}
