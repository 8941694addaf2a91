//! Builds the parts of the server, runs them, and stops them in the order in which events flow.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use eventlog::EventLog;
use gateway::{Gateway, Topics};
use geodata::LiveDatabase;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pipeline::{Contents, Pipeline, Sink, Start, Status};
use sinks::dead_letters::{DeadLetterQueue, DeadLetterSink, LetterTableSink};
use sinks::iceberg::IcebergSink;
use sinks::kafka::KafkaSink;
use sinks::postgres::PostgresSink;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, SinkName};
use crate::geo::Geo;
use crate::log::Log;
use crate::maintenance;
use crate::status::StatusServer;

/// Histogram buckets in seconds, from a cached answer to a sink in trouble.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// How often what histograms were given is counted into their buckets: until then every value takes memory.
const HISTOGRAM_INTERVAL: Duration = Duration::from_secs(5);

/// Files that are open besides connections: of the log, of the table, to Postgres and Kafka.
const OTHER_FILES: u64 = 1_024;

/// Which parts this process runs, besides the status server.
#[derive(Debug, Clone, Copy)]
pub struct Roles {
    pub gateway: bool,
    pub pipeline: bool,
}

/// Runs the parts until SIGINT or SIGTERM: then the gateway finishes its requests, the sinks commit what they have, and the
/// log is closed.
pub async fn serve(config: Config, roles: Roles) -> anyhow::Result<()> {
    let signals = stop_signals()?;
    if roles.pipeline {
        check_data_folder(&config).await?;
    }
    let metrics = install_metrics()?;
    if roles.gateway {
        allow_connections(config.gateway.max_connections);
    }
    let gateway_listener = listen(config.gateway.listen, "--listen", roles.gateway).await?;
    let status_listener = listen(config.status.listen, "--status", true).await?;
    let log = Log::open(&config, roles).await?;
    let geo = if roles.pipeline { Geo::open(&config).await? } else { Geo::none() };

    let histograms = metrics.clone();
    let gateway = match gateway_listener {
        Some(listener) => Some((gateway(&config, &log, &metrics)?, listener)),
        None => None,
    };
    let pipelines = if roles.pipeline { pipelines(&config, &log, geo.watcher.live())? } else { Vec::new() };
    let status_server = StatusServer::new(&config, log.for_pipeline(), &geo.watcher, &pipelines, metrics)
        .with_catalog(if roles.pipeline { catalog(&config)? } else { None });
    let stop = Stop::default();
    announce(&config, roles);

    let signalled = async {
        signals.await;
        tracing::info!("stopping: finishing requests, then committing what the sinks have");
        stop.gateway.cancel();
        Ok(())
    };
    let gateway = async {
        if let Some((gateway, listener)) = gateway {
            gateway.run(listener, stop.gateway.clone()).await;
        }
        stop.gateway.cancelled().await;
        stop.pipeline.cancel();
        Ok(())
    };
    let geo = async {
        geo.run(stop.pipeline.clone()).await;
        Ok(())
    };
    let maintenance = async {
        if roles.pipeline && config.selected_sinks().contains(&SinkName::Iceberg) && config.iceberg.maintenance.enabled
        {
            maintenance::run(&config, stop.pipeline.clone()).await;
        }
        Ok(())
    };
    let pipeline = async {
        let running = pipelines.into_iter().map(|pipeline| pipeline.run(stop.pipeline.clone()));
        futures::future::try_join_all(running).await.context("the pipeline failed")?;
        stop.pipeline.cancelled().await;
        stop.status.cancel();
        Ok(())
    };
    let upkeep = keep_up(&histograms, &stop.status);
    let status = async { status_server.run(status_listener.context("no status address")?, stop.status.clone()).await };
    let parts = async {
        tokio::try_join!(signalled, gateway, geo, maintenance, pipeline, upkeep, status)?;
        log.close().await;
        anyhow::Ok(())
    };
    stopped_in_time(parts, &stop.gateway, Duration::from_millis(config.shutdown_timeout_ms)).await?;
    tracing::info!("stopped: everything acknowledged is durable");
    Ok(())
}

/// Waits for the parts; not for longer than `limit` once they are to stop, as stopping at any instant loses nothing.
async fn stopped_in_time(
    parts: impl Future<Output = anyhow::Result<()>>,
    stopping: &CancellationToken,
    limit: Duration,
) -> anyhow::Result<()> {
    let overdue = async {
        stopping.cancelled().await;
        sleep(limit).await;
    };
    tokio::select! {
        ended = parts => ended,
        () = overdue => {
            tracing::warn!("stopped before every sink could commit: what is left is delivered at the next start");
            Ok(())
        }
    }
}

/// Counts what histograms were given, until `shutdown`.
async fn keep_up(histograms: &PrometheusHandle, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut ticks = interval(HISTOGRAM_INTERVAL);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        histograms.run_upkeep();
    }
    Ok(())
}

/// That the Iceberg table is not another data folder's. What else is wrong with it may pass, and is for its sink to tell.
async fn check_data_folder(config: &Config) -> anyhow::Result<()> {
    if !config.selected_sinks().contains(&SinkName::Iceberg) {
        return Ok(());
    }
    match config.iceberg.check_data_folder(&absolute(&config.data)?).await {
        Err(error @ warehouse::Error::DataFolder(_)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// One token for each part, set one after the other.
#[derive(Default)]
struct Stop {
    gateway: CancellationToken,
    pipeline: CancellationToken,
    status: CancellationToken,
}

/// Raises the number of files that the process may have open, where it is too low for so many connections.
fn allow_connections(connections: usize) {
    let wanted = (connections as u64).saturating_add(OTHER_FILES);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(allowed) if allowed < wanted => {
            tracing::warn!(
                allowed,
                wanted,
                "fewer files may be open than gateway.max_connections may need: see ulimit -n"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the number of files that may be open is unknown"),
    }
}

pub fn stop_signals() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets(&SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("failed to set metrics up")?;
    gateway::describe();
    eventlog::metrics::describe();
    geodata::metrics::describe();
    pipeline::metrics::describe();
    sinks::metrics::describe();
    Ok(handle)
}

async fn listen(address: SocketAddr, flag: &str, wanted: bool) -> anyhow::Result<Option<TcpListener>> {
    if !wanted {
        return Ok(None);
    }
    let listener = TcpListener::bind(address).await;
    Ok(Some(listener.with_context(|| format!("failed to listen on {address}; choose another address with {flag}"))?))
}

fn gateway(config: &Config, log: &Log, metrics: &PrometheusHandle) -> anyhow::Result<Gateway> {
    let metrics = metrics.clone();
    let render = Arc::new(move || metrics.render());
    let has_enriched = config.selected_sinks().contains(&SinkName::Kafka);
    let topics =
        Topics { raw: config.topics.raw_topic(), enriched: has_enriched.then(|| config.topics.downstream_topic()) };
    Gateway::new(config.gateway.clone(), log.for_gateway(), topics, render).context("gateway")
}

/// One for each topic that is read.
fn pipelines(config: &Config, log: &Log, geo: Arc<LiveDatabase>) -> anyhow::Result<Vec<Pipeline>> {
    let mut pipelines = vec![pipeline(config, log, geo)?];
    if config.has_letter_table() {
        pipelines.push(letters(config, log)?);
    }
    Ok(pipelines)
}

fn pipeline(config: &Config, log: &Log, geo: Arc<LiveDatabase>) -> anyhow::Result<Pipeline> {
    let dead_letter_topic = config.topics.dead_letter_topic();
    let group = &config.topics.group;
    Ok(Pipeline {
        topic: config.topics.raw_topic().into(),
        contents: Contents::Events,
        group: group.clone(),
        geo,
        config: config.pipeline.clone(),
        sinks: sinks(config, log.for_pipeline())?,
        dead_letters: Arc::new(DeadLetterQueue::new(log.for_pipeline(), &dead_letter_topic)),
        log: log.for_pipeline(),
        status: Status::default(),
    })
}

/// From the topic of dead letters to their Iceberg table.
fn letters(config: &Config, log: &Log) -> anyhow::Result<Pipeline> {
    let topic = config.topics.dead_letter_topic();
    let table = LetterTableSink::new(&absolute(&config.data)?, &config.iceberg);
    let pipeline = pipeline::Config {
        // What is set about the start is meant for the raw topic; and letters have no ids by which one could be a
        // duplicate.
        start: Some(Start::Earliest),
        start_offsets: BTreeMap::new(),
        duplicate_window_records: 0,
        ..config.pipeline.clone()
    };
    Ok(Pipeline {
        topic: topic.as_str().into(),
        contents: Contents::Opaque,
        group: format!("{}.dead_letters_iceberg", config.topics.group),
        geo: Arc::default(),
        config: pipeline,
        sinks: vec![Box::new(table)],
        dead_letters: Arc::new(DeadLetterQueue::new(log.for_pipeline(), &topic)),
        log: log.for_pipeline(),
        status: Status::default(),
    })
}

/// The selected sinks of the raw topic, and that of its dead letters.
pub fn sinks(config: &Config, log: Arc<dyn EventLog>) -> anyhow::Result<Vec<Box<dyn Sink>>> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    for name in config.selected_sinks() {
        sinks.push(sink(name, config, log.clone())?);
    }
    let group = format!("{}.dead_letters", config.topics.group);
    sinks.push(Box::new(DeadLetterSink::new(log, &group, &config.topics.dead_letter_topic())));
    Ok(sinks)
}

fn sink(name: SinkName, config: &Config, log: Arc<dyn EventLog>) -> anyhow::Result<Box<dyn Sink>> {
    let group = &config.topics.group;
    Ok(match name {
        SinkName::Postgres => Box::new(PostgresSink::new(&config.postgres, group).context("postgres")?),
        SinkName::Kafka => Box::new(KafkaSink::new(log, group, &config.topics.downstream_topic(), &config.downstream)),
        SinkName::Iceberg => Box::new(IcebergSink::new(&absolute(&config.data)?, &config.iceberg)),
    })
}

/// What readers of the Iceberg table attach to, when this process writes it.
fn catalog(config: &Config) -> anyhow::Result<Option<Router>> {
    if !config.selected_sinks().contains(&SinkName::Iceberg) {
        return Ok(None);
    }
    Ok(Some(attach::router(&absolute(&config.data)?, &config.iceberg.warehouse(), &config.iceberg.rest)))
}

fn absolute(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    std::path::absolute(folder).with_context(|| format!("failed to find {}", folder.display()))
}

/// An address as others reach it: one that stands for all of this machine's has a name that is theirs to know.
fn reached_at(listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() { format!("HOST:{}", listen.port()) } else { listen.to_string() }
}

fn announce(config: &Config, roles: Roles) {
    let sinks: Vec<String> = config.selected_sinks().iter().map(ToString::to_string).collect();
    if roles.gateway {
        let scheme = if config.gateway.tls.cert_file.is_some() { "https" } else { "http" };
        let gateway = format!("{scheme}://{}", reached_at(config.gateway.listen));
        tracing::info!("taking events at {gateway}/v1/events");
        tracing::info!("for your pages: <script defer src=\"{gateway}/beacon.js\"></script>");
    }
    if roles.pipeline {
        tracing::info!(sinks = sinks.join(","), "delivering");
    }
    tracing::info!("status at http://{}/", config.status.listen);
    if roles.pipeline && config.selected_sinks().contains(&SinkName::Iceberg) {
        tracing::info!("Iceberg catalog at http://{}/iceberg", config.status.listen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_stands_for_all_is_shown_without_a_number_that_leads_nowhere() {
        for (listen, shown) in [("0.0.0.0:8080", "HOST:8080"), ("[::]:80", "HOST:80"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            assert_eq!(reached_at(listen.parse().unwrap()), shown);
        }
    }
}
