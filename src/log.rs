//! Opens the log that the configuration names: Kafka when brokers are given, else the embedded one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use eventlog::EventLog;
use eventlog::embedded::{EmbeddedLog, Options};
use eventlog::kafka::KafkaLog;
use spool::SpooledLog;
use tokio::task::spawn_blocking;

use crate::config::Config;
use crate::serve::Roles;

const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// The log in use.
pub enum Log {
    Embedded(Arc<EmbeddedLog>),
    /// With the spool, if this process is a gateway.
    Kafka(Arc<KafkaLog>, Option<Arc<SpooledLog>>),
}

impl Log {
    pub async fn open(config: &Config, roles: Roles) -> anyhow::Result<Self> {
        if config.kafka.brokers.is_none() {
            return Ok(Self::Embedded(open_embedded(config).await?));
        }
        let kafka = KafkaLog::connect(&config.kafka).context("failed to set Kafka up")?;
        let spool = if roles.gateway { Some(open_spool(config, kafka.clone()).await?) } else { None };
        Ok(Self::Kafka(kafka, spool))
    }

    /// What the gateway appends to.
    pub fn for_gateway(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Embedded(log) => log.clone(),
            Self::Kafka(_, Some(spool)) => spool.clone(),
            Self::Kafka(kafka, None) => kafka.clone(),
        }
    }

    /// What the pipeline reads and the sinks write.
    pub fn for_pipeline(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Embedded(log) => log.clone(),
            Self::Kafka(kafka, _) => kafka.clone(),
        }
    }

    pub async fn close(self) {
        match self {
            Self::Embedded(log) => log.close().await,
            Self::Kafka(kafka, spool) => {
                if let Some(spool) = spool {
                    spool.close().await;
                }
                kafka.close(CLOSE_PATIENCE).await;
            }
        }
    }
}

async fn open_embedded(config: &Config) -> anyhow::Result<Arc<EmbeddedLog>> {
    let folder = config.log_dir();
    let letters = config.has_letter_table().then(|| config.topics.dead_letter_topic());
    let held_topics = std::iter::once(config.topics.raw_topic()).chain(letters).collect();
    let options = Options { held_topics, ..Options::from(config.log.clone()) };
    let place = folder.clone();
    let opened = spawn_blocking(move || EmbeddedLog::open_with(&place, options)).await?;
    opened.with_context(|| format!("failed to open the log in {}", folder.display()))
}

async fn open_spool(config: &Config, kafka: Arc<KafkaLog>) -> anyhow::Result<Arc<SpooledLog>> {
    let folder = config.data.join("spool");
    let opened = SpooledLog::open(&folder, &config.spool, kafka).await;
    opened.with_context(|| format!("failed to open the spool in {}", folder.display()))
}
