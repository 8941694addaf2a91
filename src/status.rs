//! The status server: what the process is doing, for people, for machines that watch, and for `pageberg deadletters`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use event::Timestamp;
use eventlog::EventLog;
use geodata::LiveDatabase;
use metrics_exporter_prometheus::PrometheusHandle;
use pipeline::{LaneState, SinkStatus, Status};
use serde::Serialize;
use sinks::dead_letters::DeadLetterQueue;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::replay::{self, Wanted};

/// What the handlers look at.
struct Watched {
    topic: String,
    log: Arc<dyn EventLog>,
    geo: Arc<LiveDatabase>,
    pipeline: Status,
    metrics: PrometheusHandle,
    dead_letters: DeadLetterQueue,
    started: Timestamp,
}

/// Answers on the status address.
pub struct StatusServer(Arc<Watched>);

impl StatusServer {
    pub fn new(
        config: &Config,
        log: Arc<dyn EventLog>,
        geo: Arc<LiveDatabase>,
        pipeline: Status,
        metrics: PrometheusHandle,
    ) -> Self {
        let dead_letters = DeadLetterQueue::new(log.clone(), &config.topics.dead_letter_topic());
        let topic = config.topics.raw_topic();
        Self(Arc::new(Watched { topic, log, geo, pipeline, metrics, dead_letters, started: Timestamp::now() }))
    }

    /// Serves until `shutdown`.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
        let router = Router::new()
            .route("/", get(page))
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/health/live", get(|| async { "alive\n" }))
            .route("/deadletters/replay", post(replay_letters))
            .with_state(self.0);
        let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
        serving.await.context("the status server failed")
    }
}

/// The answer of `/status`.
#[derive(Serialize)]
struct Report {
    version: &'static str,
    started: String,
    /// Events at the gateway of this process, by outcome.
    outcomes: BTreeMap<String, u64>,
    log: LogReport,
    sinks: BTreeMap<String, SinkReport>,
    geo: GeoReport,
}

#[derive(Serialize)]
struct LogReport {
    topic: String,
    /// By partition: the oldest offset held and the next one.
    partitions: BTreeMap<i32, (i64, i64)>,
}

#[derive(Serialize)]
struct SinkReport {
    #[serde(flatten)]
    status: SinkStatus,
    /// Records between the sink and the end of the log; absent as long as it is unknown where the sink stands.
    lag: Option<i64>,
}

#[derive(Serialize)]
struct GeoReport {
    databases: Vec<String>,
    attribution: Option<&'static str>,
}

async fn status(State(watched): State<Arc<Watched>>) -> Response {
    match watched.report().await {
        Ok(report) => Json(report).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}\n")).into_response(),
    }
}

impl Watched {
    async fn report(&self) -> anyhow::Result<Report> {
        let mut partitions = BTreeMap::new();
        for partition in self.log.partitions(&self.topic).await? {
            let held = self.log.bounds(&self.topic, partition).await?;
            partitions.insert(partition, (held.start, held.end));
        }
        let sinks = self.pipeline.sinks().into_iter();
        let databases: Vec<String> = self.geo.current().names().map(str::to_owned).collect();
        Ok(Report {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started.to_string(),
            outcomes: outcomes(&self.metrics.render()),
            sinks: sinks.map(|(name, status)| (name, SinkReport { lag: lag(&status, &partitions), status })).collect(),
            geo: GeoReport { attribution: attribution(&databases), databases },
            log: LogReport { topic: self.topic.clone(), partitions },
        })
    }
}

fn lag(status: &SinkStatus, partitions: &BTreeMap<i32, (i64, i64)>) -> Option<i64> {
    let behind = |(partition, next): (&i32, &i64)| Some(partitions.get(partition)?.1 - next);
    if matches!(status.state, LaneState::Running) || !status.positions.is_empty() {
        return status.positions.iter().map(behind).sum();
    }
    None
}

/// The gateway's counts as `/metrics` shows them, so that both always agree.
fn outcomes(metrics: &str) -> BTreeMap<String, u64> {
    let count = |line: &str| {
        let (outcome, count) = line.strip_prefix("pageberg_events_total{outcome=\"")?.split_once("\"} ")?;
        Some((outcome.to_owned(), count.trim().parse().ok()?))
    };
    metrics.lines().filter_map(count).collect()
}

/// The words that the licence of a database asks for wherever its results are shown.
fn attribution(databases: &[String]) -> Option<&'static str> {
    let named = |part: &str| databases.iter().any(|name| name.to_lowercase().contains(part));
    if named("dbip") || named("db-ip") {
        Some("IP Geolocation by DB-IP, https://db-ip.com")
    } else if named("geolite") {
        Some("This product includes GeoLite data created by MaxMind, available from https://www.maxmind.com")
    } else {
        None
    }
}

async fn metrics(State(watched): State<Arc<Watched>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], watched.metrics.render())
}

async fn replay_letters(State(watched): State<Arc<Watched>>, Json(wanted): Json<Wanted>) -> Response {
    match replay::replay(watched.log.as_ref(), &watched.dead_letters, &wanted).await {
        Ok(replayed) => Json(replayed).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}\n")).into_response(),
    }
}

async fn page() -> Html<&'static str> {
    Html(include_str!("status.html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_are_those_of_the_metrics() {
        let text = "# TYPE pageberg_events_total counter\npageberg_events_total{outcome=\"accepted\"} 12\n\
            pageberg_events_total{outcome=\"rejected\"} 3\npageberg_sink_events_total{outcome=\"x\"} 9\n";
        assert_eq!(outcomes(text), BTreeMap::from([("accepted".to_owned(), 12), ("rejected".to_owned(), 3)]));
    }
}
