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
use geodata::refresh::{self, DatabaseStatus, Watcher};
use geodata::{Attribution, LiveDatabase, attributions};
use metrics_exporter_prometheus::PrometheusHandle;
use pipeline::{LaneState, Pipeline, SinkStatus, Status};
use serde::Serialize;
use sinks::dead_letters::DeadLetterQueue;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod lake;
mod log;
mod spool;

use self::spool::SpoolReport;
use lake::LakeReport;
use log::{Held, LogReport, LogWatch};

use crate::config::Config;
use crate::replay::{self, Wanted};

/// What the handlers look at.
struct Watched {
    topic: String,
    log: Arc<dyn EventLog>,
    log_watch: LogWatch,
    geo: Arc<LiveDatabase>,
    geo_files: refresh::Status,
    /// Each with the topic that it reads.
    pipelines: Vec<(String, Status)>,
    /// The Iceberg tables, each with its sink.
    tables: [(String, &'static str); 2],
    metrics: PrometheusHandle,
    dead_letters: DeadLetterQueue,
    started: Timestamp,
}

/// Answers on the status address.
pub struct StatusServer {
    watched: Arc<Watched>,
    catalog: Option<Router>,
}

impl StatusServer {
    pub fn new(
        config: &Config,
        log: Arc<dyn EventLog>,
        geo: &Watcher,
        pipelines: &[Pipeline],
        metrics: PrometheusHandle,
    ) -> Self {
        let dead_letters = DeadLetterQueue::new(log.clone(), &config.topics.dead_letter_topic());
        let topic = config.topics.raw_topic();
        let (geo, geo_files) = (geo.live(), geo.status());
        let pipelines =
            pipelines.iter().map(|pipeline| (pipeline.topic.to_string(), pipeline.status.clone())).collect();
        let started = Timestamp::now();
        let iceberg = &config.iceberg;
        let tables =
            [(iceberg.table.name.clone(), "iceberg"), (iceberg.dead_letters.name.clone(), "dead_letters_iceberg")];
        let log_watch = LogWatch::default();
        let watched =
            Watched { topic, log, log_watch, geo, geo_files, pipelines, tables, metrics, dead_letters, started };
        Self { watched: Arc::new(watched), catalog: None }
    }

    /// Answers under `/iceberg`, too, with the catalog of the Iceberg table.
    pub fn with_catalog(self, catalog: Option<Router>) -> Self {
        Self { catalog, ..self }
    }

    /// Serves until `shutdown`.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
        let catalog = self.catalog.map(|catalog| Router::new().nest("/iceberg", catalog));
        let router = Router::new()
            .route("/", get(page))
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/deadletters/replay", post(replay_letters))
            .with_state(self.watched)
            .merge(catalog.unwrap_or_default());
        let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned());
        serving.await.context("the status server failed")
    }
}

/// 503 once the log takes nothing more before a restart.
async fn live(State(watched): State<Arc<Watched>>) -> (StatusCode, &'static str) {
    match watched.log.failure() {
        None => (StatusCode::OK, "alive\n"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "the log has failed\n"),
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
    /// Absent in a process that has no spool.
    #[serde(skip_serializing_if = "Option::is_none")]
    spool: Option<SpoolReport>,
    sinks: BTreeMap<String, SinkReport>,
    /// Absent in a process that writes no Iceberg table.
    #[serde(skip_serializing_if = "Option::is_none")]
    lake: Option<LakeReport>,
    geo: GeoReport,
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
    databases: Vec<DatabaseStatus>,
    #[serde(flatten)]
    counts: geodata::Counts,
    /// What the licences of the databases in use ask to be shown.
    attribution: Vec<Attribution>,
}

async fn status(State(watched): State<Arc<Watched>>) -> Json<Report> {
    Json(watched.report().await)
}

impl Watched {
    async fn report(&self) -> Report {
        let (asked, metrics) = (Timestamp::now(), self.metrics.render());
        let log = self.log_watch.report(self.log.as_ref(), &self.topic).await;
        let sinks = self.sinks(log.held()).await;
        let mut lake = LakeReport::of(&metrics);
        for (table, sink) in &self.tables {
            let lag = sinks.get(*sink).and_then(|sink| sink.lag);
            lake.iter_mut().for_each(|lake| lake.compare(table, lag, asked));
        }
        Report {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started.to_string(),
            outcomes: outcomes(&metrics),
            lake,
            spool: SpoolReport::of(&metrics),
            sinks,
            geo: self.geo_report(),
            log,
        }
    }

    /// Every sink, with how far it is behind the end of the topic that it reads.
    async fn sinks(&self, of_events: &Held) -> BTreeMap<String, SinkReport> {
        let mut sinks = BTreeMap::new();
        for (topic, pipeline) in &self.pipelines {
            let told = pipeline.sinks();
            let is_other = *topic != self.topic;
            // A log that has not answered is not waited for again.
            let other = match is_other && !told.is_empty() && !of_events.is_empty() {
                true => log::held(self.log.as_ref(), topic).await.unwrap_or_default(),
                false => Held::default(),
            };
            let held = if is_other { &other } else { of_events };
            let report = |status| SinkReport { lag: lag(&status, held), status };
            sinks.extend(told.into_iter().map(|(name, status)| (name, report(status))));
        }
        sinks
    }

    fn geo_report(&self) -> GeoReport {
        let current = self.geo.current();
        GeoReport {
            databases: self.geo_files.databases(),
            counts: self.geo.counts(),
            attribution: attributions(current.files().iter().map(|file| &**file)),
        }
    }
}

fn lag(status: &SinkStatus, partitions: &Held) -> Option<i64> {
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

/// Whether the log answers, without which nothing can be taken or delivered.
async fn ready(State(watched): State<Arc<Watched>>) -> (StatusCode, String) {
    match log::held(watched.log.as_ref(), &watched.topic).await {
        Ok(_) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("the log does not answer: {error}\n")),
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
