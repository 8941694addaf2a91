//! Topics come into being when they are first named, if that is allowed.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use tokio::time::sleep;

use super::client::{Clients, RECORD_OVERHEAD_BYTES, create};
use super::config::Config;
use super::context::Context;
use super::errors;
use super::queries::{self, Asked, blocking};
use crate::LogError;
use crate::metrics::AppendMetrics;

const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// Tells the brokers' default from a number of replicas.
const DEFAULT_REPLICATION: i32 = -1;
const HOUR_MS: u64 = 3_600_000;

/// A topic that exists.
pub(super) struct Topic {
    /// The largest payload that it takes.
    pub(super) max_payload_bytes: usize,
    pub(super) metrics: AppendMetrics,
}

/// The topics seen so far, and the means to make others.
pub(super) struct Topics {
    config: Config,
    timeout: Duration,
    known: RwLock<HashMap<String, Arc<Topic>>>,
    /// One asks the brokers while the others wait. Holds when that last failed, and why.
    asking: tokio::sync::Mutex<Option<(Instant, String)>>,
    consumer: Asked,
    admin: AdminClient<Context>,
}

impl Topics {
    pub(super) fn new(config: &Config, clients: &Clients, consumer: &Asked) -> Result<Self, LogError> {
        Ok(Self {
            config: config.clone(),
            timeout: clients.request_timeout(),
            known: RwLock::default(),
            asking: tokio::sync::Mutex::new(None),
            consumer: consumer.clone(),
            admin: create(&clients.any(), "admin")?,
        })
    }

    /// The topic, made if need be.
    pub(super) async fn named(&self, name: &str) -> Result<Arc<Topic>, LogError> {
        if let Some(topic) = self.known(name) {
            return Ok(topic);
        }
        let came = Instant::now();
        let mut failed = self.asking.lock().await;
        if let Some(topic) = self.known(name) {
            return Ok(topic);
        }
        // Those who came while the brokers were away do not each wait for them again.
        if let Some((_, reason)) = failed.as_ref().filter(|(when, _)| *when >= came) {
            return Err(LogError::Unavailable { reason: reason.clone() });
        }
        let found = self.find_or_make(name).await;
        if let Err(LogError::Unavailable { reason }) = &found {
            *failed = Some((Instant::now(), reason.clone()));
        }
        found
    }

    /// The partitions of a topic, made if need be.
    pub(super) async fn partitions(&self, name: &str) -> Result<Vec<i32>, LogError> {
        self.named(name).await?;
        self.look_up(name).await?.ok_or_else(|| LogError::UnknownTopic(name.to_owned()))
    }

    /// Looks at the topic anew when it is next named, for it may have been deleted.
    pub(super) fn forget(&self, name: &str) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn known(&self, name: &str) -> Option<Arc<Topic>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    async fn look_up(&self, name: &str) -> Result<Option<Vec<i32>>, LogError> {
        let (consumer, name, timeout) = (self.consumer.clone(), name.to_owned(), self.timeout);
        blocking(move || queries::partitions(&consumer, &name, timeout)).await
    }

    async fn find_or_make(&self, name: &str) -> Result<Arc<Topic>, LogError> {
        if self.look_up(name).await?.is_none() {
            if !self.config.create_topics {
                return Err(LogError::UnknownTopic(name.to_owned()));
            }
            self.make(name).await?;
            self.wait_until_visible(name).await?;
        }
        let max_payload_bytes = self.max_batch_bytes(name).await.saturating_sub(RECORD_OVERHEAD_BYTES);
        let topic = Arc::new(Topic { max_payload_bytes, metrics: AppendMetrics::new(name) });
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), topic.clone());
        Ok(topic)
    }

    async fn make(&self, name: &str) -> Result<(), LogError> {
        let replication = TopicReplication::Fixed(self.config.topic_replication.unwrap_or(DEFAULT_REPLICATION));
        let retention_ms = match self.config.topic_retention_hours {
            0 => "-1".to_owned(),
            hours => (u64::from(hours) * HOUR_MS).to_string(),
        };
        let max_bytes = (self.config.max_record_bytes + RECORD_OVERHEAD_BYTES).to_string();
        let topic = NewTopic::new(name, self.config.topic_partitions, replication)
            .set("retention.ms", &retention_ms)
            .set("max.message.bytes", &max_bytes)
            // The time at which the log took a record, which never runs back within a partition.
            .set("message.timestamp.type", "LogAppendTime");
        let attempt = "make a topic";
        let made = self.admin.create_topics([&topic], &self.options()).await;
        match made.map_err(|error| errors::unavailable(attempt, &error))?.pop() {
            Some(Err((_, error))) if error != RDKafkaErrorCode::TopicAlreadyExists => {
                Err(errors::unavailable(attempt, &error))
            }
            _ => {
                tracing::info!(topic = name, partitions = self.config.topic_partitions, "the topic was made");
                Ok(())
            }
        }
    }

    async fn wait_until_visible(&self, name: &str) -> Result<(), LogError> {
        let deadline = Instant::now() + self.timeout;
        while self.look_up(name).await?.is_none() {
            if Instant::now() > deadline {
                return Err(LogError::Unavailable { reason: format!("the new topic {name} has no leader yet") });
            }
            sleep(LOOK_AGAIN_AFTER).await;
        }
        Ok(())
    }

    /// The topic's `max.message.bytes`, or our own limit where that is smaller or the cluster does not tell.
    async fn max_batch_bytes(&self, name: &str) -> usize {
        let own = self.config.max_record_bytes + RECORD_OVERHEAD_BYTES;
        let described = self.admin.describe_configs([&ResourceSpecifier::Topic(name)], &self.options()).await;
        let described = described.ok().and_then(|mut all| all.pop()).and_then(Result::ok);
        let limit: Option<usize> =
            described.as_ref().and_then(|topic| topic.get("max.message.bytes")?.value.as_ref()?.parse().ok());
        match limit {
            Some(limit) if limit < self.config.batch_bytes as usize => {
                tracing::warn!(
                    topic = name,
                    max_message_bytes = limit,
                    batch_bytes = self.config.batch_bytes,
                    "the topic takes smaller batches than are sent: lower kafka.batch_bytes"
                );
                limit.min(own)
            }
            Some(limit) => limit.min(own),
            None => own,
        }
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.timeout)).operation_timeout(Some(self.timeout))
    }
}
