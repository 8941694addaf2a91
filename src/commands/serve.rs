//! `serve`, `gateway` and `pipeline`: the server, whole or in parts.

use anyhow::ensure;

use super::flags;
use crate::config::{self, Config, Given};
use crate::serve::{Roles, serve};

/// Options of `serve`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    listen: flags::Listen,
    #[command(flatten)]
    rest: PipelineArgs,
}

/// Options of `gateway`.
#[derive(clap::Args)]
pub struct GatewayArgs {
    #[command(flatten)]
    listen: flags::Listen,
    #[command(flatten)]
    status: flags::Status,
    #[command(flatten)]
    kafka: flags::Kafka,
}

/// Options of `pipeline`.
#[derive(clap::Args)]
pub struct PipelineArgs {
    #[command(flatten)]
    status: flags::Status,
    #[command(flatten)]
    postgres: flags::Postgres,
    #[command(flatten)]
    kafka: flags::Kafka,
    #[command(flatten)]
    geo: flags::Geo,
    #[command(flatten)]
    sinks: flags::Sinks,
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        self.listen.given().into_iter().chain(self.rest.given()).collect()
    }

    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        warn(&config);
        serve(config, Roles { gateway: true, pipeline: true }).await
    }
}

impl GatewayArgs {
    pub fn given(&self) -> Vec<Given> {
        [self.listen.given(), self.status.given(), self.kafka.given()].into_iter().flatten().collect()
    }

    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        check_shared_log(&config)?;
        serve(config, Roles { gateway: true, pipeline: false }).await
    }
}

impl PipelineArgs {
    pub fn given(&self) -> Vec<Given> {
        let given =
            [self.status.given(), self.postgres.given(), self.kafka.given(), self.geo.given(), self.sinks.given()];
        given.into_iter().flatten().collect()
    }

    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        check_shared_log(&config)?;
        warn(&config);
        serve(config, Roles { gateway: false, pipeline: true }).await
    }
}

fn check_shared_log(config: &Config) -> anyhow::Result<()> {
    ensure!(
        config.kafka.brokers.is_some(),
        "gateway and pipeline as separate processes meet in Kafka: give --kafka BROKERS; on one machine use serve"
    );
    Ok(())
}

fn warn(config: &Config) {
    for warning in config::warnings(config) {
        tracing::warn!("{warning}");
    }
}
