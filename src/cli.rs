//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    check, db_init, deadletters, geo, health, import, maintain, positions, serve, show_config, table, topic,
};
use crate::config::{self, Given, LogFormat};
use crate::logging;

const HELP: &str = "\
Examples:
  # everything in one process, in ./data, on the embedded log
  pageberg serve
  pageberg serve --postgres postgres://me@localhost/web --geo city.mmdb
  # send a page view; see what became of it
  curl -d '{\"url\": \"https://example.org/\"}' 127.0.0.1:8080/v1/events
  curl 127.0.0.1:8081/status
  pageberg topic read pageberg.raw_events_kafka
  # backfill from a web server's log
  pageberg import --host example.org access.log.gz

Configuration: pageberg.toml in the current folder (or --config FILE), then the environment, then flags; the later wins. \
Each key of the file is a variable of the environment too: `listen` of [gateway] is PAGEBERG_GATEWAY__LISTEN. Also read \
are KAFKA_URL, KAFKA_TOPIC, KAFKA_GROUP, KAFKA_WEB_TRAFFIC_KEY, KAFKA_WEB_TRAFFIC_SECRET, POSTGRES_URL, POSTGRES_USER, \
POSTGRES_PASSWORD, POSTGRES_DB and RUST_LOG. `pageberg config` prints every key with its value.

Command and option details: pageberg COMMAND --help";

/// Takes page views over HTTP, records them durably, adds the visitor's place, and delivers each exactly once to Postgres,
/// to a downstream topic and to an Iceberg table.
#[derive(Parser)]
#[command(name = "pageberg", version, after_help = HELP)]
pub struct Cli {
    #[command(flatten, next_help_heading = "Options of every command")]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Global {
    /// Configuration file in TOML; must exist. Default: pageberg.toml if there is one
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Folder of all state. Default: ./data
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Form of the log on standard error. Default: text
    #[arg(long, value_name = "FORMAT", global = true)]
    log_format: Option<LogFormat>,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in one process: gateway, pipeline, sinks and status page
    Serve(serve::Args),
    /// Run only the HTTP server that takes events and records them in Kafka
    Gateway(serve::GatewayArgs),
    /// Run only what reads events from Kafka, enriches and delivers them
    Pipeline(serve::PipelineArgs),
    /// Send the lines of web server logs to a gateway, each as an event of its own time
    Import(import::Args),
    /// Print the configuration in effect as TOML, without secrets, with the origin of each value that is no default
    Config(serve::Args),
    /// Tell whether `serve` would run here: configuration, data folder, ports, Postgres, geo databases
    Check(serve::Args),
    /// List or replay the records that could not be decoded or delivered
    Deadletters(deadletters::Args),
    /// Look addresses up in the geo databases, fetch newer ones, tell how they stand, check files
    Geo(geo::Args),
    /// Merge small files of the Iceberg table, drop its old snapshots and delete what nothing names
    Maintain(maintain::Args),
    /// Tell how the Iceberg table stands: sizes, files by partition, snapshots, history; works while the server runs
    Table(table::Args),
    /// Tell where each sink stands in the log, or let one that has stopped go on elsewhere
    Positions(positions::Args),
    /// Look into the topics of the embedded log; works while the server runs
    Topic(topic::Args),
    /// Ask a running server whether it is alive; the exit code is the answer (for container health checks)
    Health(health::Args),
    /// Make or update pageberg's tables in Postgres; the server does the same when it starts
    DbInit(db_init::Args),
}

impl Command {
    /// The flags that stand for keys of the configuration.
    fn given(&self) -> Vec<Given> {
        match self {
            Self::Serve(args) | Self::Config(args) | Self::Check(args) => args.given(),
            Self::Gateway(args) => args.given(),
            Self::Pipeline(args) => args.given(),
            Self::Geo(args) => args.given(),
            Self::DbInit(args) => args.given(),
            Self::Health(args) => args.given(),
            Self::Deadletters(args) => args.given(),
            Self::Positions(args) => args.given(),
            Self::Import(_) | Self::Maintain(_) | Self::Table(_) | Self::Topic(_) => Vec::new(),
        }
    }
}

impl Global {
    fn given(&self) -> Vec<Given> {
        let data = self.data.as_ref().map(|dir| Given::flag("--data", &["data"], dir.to_string_lossy()));
        let format = self.log_format.map(|format| {
            let name = match format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            };
            Given::flag("--log-format", &["log_format"], name)
        });
        data.into_iter().chain(format).collect()
    }
}

impl Cli {
    /// Runs the command.
    pub async fn run(self) -> anyhow::Result<()> {
        let flags = [self.global.given(), self.command.given()].concat();
        let loaded = config::load(self.global.config.as_deref(), flags)?;
        logging::start(&loaded.config)?;
        let config = loaded.config.clone();
        match self.command {
            Command::Serve(args) => args.run(config).await,
            Command::Gateway(args) => args.run(config).await,
            Command::Pipeline(args) => args.run(config).await,
            Command::Import(args) => args.run(config).await,
            Command::Config(_) => show_config::run(&loaded),
            Command::Check(_) => check::run(config).await,
            Command::Deadletters(args) => args.run(config).await,
            Command::Geo(args) => args.run(config).await,
            Command::Maintain(args) => args.run(config).await,
            Command::Table(args) => args.run(config).await,
            Command::Positions(args) => args.run(config).await,
            Command::Topic(args) => args.run(config),
            Command::Health(args) => args.run(config).await,
            Command::DbInit(_) => db_init::run(config).await,
        }
    }
}
