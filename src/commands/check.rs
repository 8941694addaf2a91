//! `check`: whether the server would run here.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use eventlog::kafka::KafkaLog;
use eventlog::{EventLog, LogError};
use geodata::refresh;

use crate::config::{self, Config, SinkName};

/// Prints a line for each thing that was tried; an error when one failed.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut failures = Failures::default();
    failures.told("configuration", Ok("is valid".to_owned()));
    failures.told("data folder", data_folder(&config.data));
    failures.told("gateway.listen", address(config.gateway.listen));
    if config.gateway.tls.cert_file.is_some() {
        let certificate = config.gateway.check_certificate().map(|()| "holds a certificate and its key".to_owned());
        failures.told("gateway", certificate.map_err(Into::into));
    }
    failures.told("status.listen", address(config.status.listen));
    if config.selected_sinks().contains(&SinkName::Postgres) {
        failures.told("postgres", postgres(&config).await);
    }
    if config.selected_sinks().contains(&SinkName::Iceberg) {
        failures.told("iceberg", iceberg(&config).await);
    }
    if config.kafka.brokers.is_some() {
        failures.told("kafka", kafka(&config).await);
    }
    let fetched = |file: &PathBuf| !config.geo.files.contains(file);
    for file in config.geo.all_files(&config.data) {
        // What is yet to be fetched is no failure; the warnings name it.
        if file.exists() || !fetched(&file) {
            failures.told("geo database", geo_database(&file, &config));
        }
    }
    for warning in config::warnings(&config) {
        println!("note    {warning}");
    }
    failures.result()
}

#[derive(Default)]
struct Failures(usize);

impl Failures {
    fn told(&mut self, what: &str, outcome: anyhow::Result<String>) {
        match outcome {
            Ok(fact) => println!("ok      {what}: {fact}"),
            Err(error) => {
                self.0 += 1;
                println!("failed  {what}: {error:#}");
            }
        }
    }

    fn result(self) -> anyhow::Result<()> {
        match self.0 {
            0 => Ok(()),
            1 => bail!("one check failed"),
            failed => bail!("{failed} checks failed"),
        }
    }
}

/// Writes a file where the folder is, or where it would be made.
fn data_folder(data: &Path) -> anyhow::Result<String> {
    let data = std::path::absolute(data)?;
    let present = data.ancestors().find(|dir| dir.exists()).context("no folder above it exists")?;
    let probe = present.join(format!(".pageberg-check-{}", std::process::id()));
    std::fs::write(&probe, b"").with_context(|| format!("cannot write in {}", present.display()))?;
    std::fs::remove_file(&probe)?;
    Ok(format!("{} can be written", data.display()))
}

fn address(address: SocketAddr) -> anyhow::Result<String> {
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    Ok(format!("{address} is free"))
}

async fn postgres(config: &Config) -> anyhow::Result<String> {
    let version = sinks::postgres::reach(&config.postgres).await?;
    Ok(format!("version {version} can be reached"))
}

async fn iceberg(config: &Config) -> anyhow::Result<String> {
    config.iceberg.check_data_folder(&config.data).await?;
    Ok("the table is this data folder's, or is yet to be made".to_owned())
}

async fn kafka(config: &Config) -> anyhow::Result<String> {
    let topic = config.topics.raw_topic();
    let looked_at = eventlog::kafka::Config { create_topics: false, ..config.kafka.clone() };
    match KafkaLog::connect(&looked_at)?.partitions(&topic).await {
        Ok(partitions) => Ok(format!("can be reached; {topic} has {} partitions", partitions.len())),
        Err(LogError::UnknownTopic(_)) if config.kafka.create_topics => {
            Ok(format!("can be reached; {topic} is made at the first start"))
        }
        Err(error) => Err(error.into()),
    }
}

fn geo_database(file: &Path, config: &Config) -> anyhow::Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let database = refresh::examine(file, bytes, None, Vec::new(), &config.geo.refresh)
        .with_context(|| file.display().to_string())?;
    Ok(database.name().to_string())
}
