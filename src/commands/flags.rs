//! Flags that stand for keys of the configuration, shared by several commands.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::{Given, SinkName};

/// The gateway's address.
#[derive(Args, Debug)]
pub struct Listen {
    /// Address that takes events: POST /v1/events. Default: 127.0.0.1:8080
    #[arg(long, value_name = "ADDR", value_parser = gateway::listen_address)]
    listen: Option<SocketAddr>,
}

/// The status server's address.
#[derive(Args, Debug)]
pub struct Status {
    /// Address of the status page, /metrics and /status. Default: 127.0.0.1:8081
    #[arg(long = "status", value_name = "ADDR", value_parser = gateway::listen_address)]
    status: Option<SocketAddr>,
}

/// Kafka.
#[derive(Args, Debug)]
pub struct Kafka {
    /// Kafka's bootstrap servers, host:port separated by commas. Default: none, records go to the embedded log
    #[arg(long, value_name = "BROKERS")]
    kafka: Option<String>,
}

/// Postgres.
#[derive(Args, Debug)]
pub struct Postgres {
    /// Postgres, postgres://user:password@host:port/database. Default: none, Postgres is not delivered to
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
}

/// Geo databases.
#[derive(Args, Debug)]
pub struct Geo {
    /// Geo database, MMDB (GeoIP2, GeoLite2, DB-IP) or IP2Location BIN; may be given several times, each field of a place
    /// is told by the first that knows it. Default: those that [geo.update] fetches, if any
    #[arg(long, value_name = "FILE")]
    geo: Vec<PathBuf>,
}

/// Sinks.
#[derive(Args, Debug)]
pub struct Sinks {
    /// Where to deliver to, separated by commas. Default: kafka,iceberg, and postgres if its URL is known
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    sinks: Vec<SinkName>,
}

impl Listen {
    pub fn given(&self) -> Option<Given> {
        self.listen.map(|address| Given::flag("--listen", &["gateway", "listen"], address.to_string()))
    }
}

impl Status {
    pub fn given(&self) -> Option<Given> {
        self.status.map(|address| Given::flag("--status", &["status", "listen"], address.to_string()))
    }
}

impl Kafka {
    pub fn given(&self) -> Option<Given> {
        self.kafka.as_ref().map(|brokers| Given::flag("--kafka", &["kafka", "brokers"], brokers.as_str()))
    }
}

impl Postgres {
    pub fn given(&self) -> Option<Given> {
        self.postgres.as_ref().map(|url| Given::flag("--postgres", &["postgres", "url"], url.as_str()))
    }
}

impl Geo {
    pub fn given(&self) -> Option<Given> {
        let files: Vec<String> = self.geo.iter().map(|file| file.to_string_lossy().into_owned()).collect();
        (!files.is_empty()).then(|| Given::flag("--geo", &["geo", "files"], files))
    }
}

impl Sinks {
    pub fn given(&self) -> Option<Given> {
        let names: Vec<String> = self.sinks.iter().map(SinkName::to_string).collect();
        (!names.is_empty()).then(|| Given::flag("--sinks", &["sinks"], names))
    }
}
