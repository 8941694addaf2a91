//! What can be set: one struct per crate, composed here. Nothing else reads the environment.

mod check;
mod given;
mod load;
mod print;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use check::warnings;
pub use given::Given;
pub use load::{Loaded, load, user};
pub use print::print;

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of all state: the embedded log, the Iceberg table and its catalog, the progress of imports.
    pub data: PathBuf,
    /// Sinks to deliver to: `postgres`, `kafka` (the downstream topic), `iceberg`. When unset: all, but `postgres` only
    /// when `postgres.url` is set.
    pub sinks: Option<Vec<SinkName>>,
    /// Form of the log on standard error: `text` or `json`.
    pub log_format: LogFormat,
    /// What is logged, as in `RUST_LOG`: a level, or `module=level` pairs.
    pub log_filter: String,
    /// How long stopping may take, in milliseconds: finishing requests, then committing what the sinks have. What is not
    /// committed by then is delivered at the next start.
    pub shutdown_timeout_ms: u64,
    /// The status server.
    pub status: StatusConfig,
    /// The HTTP server that takes events.
    pub gateway: gateway::Config,
    /// The embedded log, used when no Kafka is configured.
    pub log: eventlog::embedded::Config,
    /// The Kafka cluster whose topic is the log, when its brokers are set.
    pub kafka: eventlog::kafka::Config,
    /// Where the gateway keeps events while Kafka cannot be reached.
    pub spool: spool::Config,
    /// The names of topics.
    pub topics: TopicsConfig,
    /// From the log to the sinks.
    pub pipeline: pipeline::Config,
    /// Where visitors' places come from.
    pub geo: geodata::Config,
    /// The Postgres sink.
    pub postgres: sinks::postgres::Config,
    /// The downstream topic.
    pub downstream: sinks::kafka::Config,
    /// The Iceberg sink.
    pub iceberg: sinks::iceberg::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("data"),
            sinks: None,
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
            shutdown_timeout_ms: 10_000,
            status: StatusConfig::default(),
            gateway: Default::default(),
            log: Default::default(),
            kafka: Default::default(),
            spool: Default::default(),
            topics: TopicsConfig::default(),
            pipeline: Default::default(),
            geo: Default::default(),
            postgres: Default::default(),
            downstream: Default::default(),
            iceberg: Default::default(),
        }
    }
}

impl Config {
    /// The folder of the embedded log.
    pub fn log_dir(&self) -> PathBuf {
        self.data.join("log")
    }

    /// Whether dead letters go to an Iceberg table.
    pub fn has_letter_table(&self) -> bool {
        self.iceberg.dead_letters.enabled && self.selected_sinks().contains(&SinkName::Iceberg)
    }

    /// The sinks to deliver to.
    pub fn selected_sinks(&self) -> Vec<SinkName> {
        match &self.sinks {
            Some(sinks) => sinks.clone(),
            None if self.postgres.url.is_some() => vec![SinkName::Postgres, SinkName::Kafka, SinkName::Iceberg],
            None => vec![SinkName::Kafka, SinkName::Iceberg],
        }
    }
}

/// A place where enriched events end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SinkName {
    /// The table processed_events and what is aggregated from it
    Postgres,
    /// The downstream topic, on the same log as the raw one
    Kafka,
    /// The Iceberg table page_views
    Iceberg,
}

impl fmt::Display for SinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "postgres",
            Self::Kafka => "kafka",
            Self::Iceberg => "iceberg",
        })
    }
}

/// Form of the log on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// The server of `/metrics` and `/status`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatusConfig {
    /// Address to listen on.
    #[serde(deserialize_with = "gateway::deserialize_listen")]
    pub listen: SocketAddr,
}

impl Default for StatusConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8081)) }
    }
}

/// The names of topics and of the group that reads them, on whichever log there is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicsConfig {
    /// Topic of raw events; when unset the group's prefix and `.raw_events`.
    pub raw: Option<String>,
    /// Consumer group. Its part up to the first dot is the prefix of the other topics.
    pub group: String,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self { raw: None, group: "pageberg".to_owned() }
    }
}

impl TopicsConfig {
    /// The topic that the gateway writes and the pipeline reads.
    pub fn raw_topic(&self) -> String {
        self.raw.clone().unwrap_or_else(|| self.prefixed("raw_events"))
    }

    /// The topic that enriched events are written to.
    pub fn downstream_topic(&self) -> String {
        self.prefixed("raw_events_kafka")
    }

    /// The topic of records that could not be decoded or written.
    pub fn dead_letter_topic(&self) -> String {
        self.prefixed("dead_letters")
    }

    fn prefix(&self) -> &str {
        self.group.split('.').next().unwrap_or_default()
    }

    fn prefixed(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix())
    }
}
