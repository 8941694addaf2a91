//! Topics come into being when they are first named, if that is allowed.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigEntry, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
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
/// The time at which the log took a record, which never runs back within a partition.
const TIME_OF_RECORDS: (&str, &str) = ("message.timestamp.type", "LogAppendTime");
/// The largest batch that a topic takes.
const MAX_BYTES: &str = "max.message.bytes";
const HOUR_MS: u64 = 3_600_000;

/// A topic that exists.
pub(super) struct Topic {
    /// The largest payload that it takes, and the largest batch of several.
    pub(super) max_payload_bytes: usize,
    pub(super) metrics: AppendMetrics,
    /// How many partitions it had when that was last asked.
    partitions: AtomicU32,
}

/// The topics seen so far, and the means to make others.
pub(super) struct Topics {
    config: Config,
    timeout: Duration,
    known: RwLock<HashMap<String, Arc<Topic>>>,
    /// All that were ever there. A broker that does not list one of them has not learned of it, or somebody has deleted it.
    seen: RwLock<HashSet<String>>,
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
            seen: RwLock::default(),
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
        if let Err(error) = &found {
            *failed = Some((Instant::now(), error.to_string()));
        }
        found
    }

    /// The partitions of a topic, made if need be.
    pub(super) async fn partitions(&self, name: &str) -> Result<Vec<i32>, LogError> {
        let topic = self.named(name).await?;
        let partitions = self.look_up(name).await?.ok_or_else(|| {
            self.forget(name);
            not_listed(name)
        })?;
        topic.partitions.store(count(&partitions), Ordering::Relaxed);
        Ok(partitions)
    }

    /// Whether the topic has the settings of its own that [`Topics::make`] gives; `false` when the cluster does not tell.
    pub(super) async fn is_own(&self, name: &str) -> Result<bool, LogError> {
        self.named(name).await?;
        let settings = self.settings(name).await.unwrap_or_default();
        let own = |key| settings.iter().find(|found| found.name == key && found.source == ConfigSource::DynamicTopic);
        let time = own(TIME_OF_RECORDS.0).and_then(|setting| setting.value.as_deref());
        // Its value may have been changed since.
        Ok(time == Some(TIME_OF_RECORDS.1) && own(MAX_BYTES).is_some())
    }

    /// Looks at the topic anew when it is next named, for it may have been deleted.
    pub(super) fn forget(&self, name: &str) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// How many partitions a topic has, as far as that is known.
    pub(super) fn known_partitions(&self, name: &str) -> Option<u32> {
        Some(self.known(name)?.partitions.load(Ordering::Relaxed))
    }

    fn known(&self, name: &str) -> Option<Arc<Topic>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    async fn look_up(&self, name: &str) -> Result<Option<Vec<i32>>, LogError> {
        let (consumer, name, timeout) = (self.consumer.clone(), name.to_owned(), self.timeout);
        blocking(move || queries::partitions(&consumer, &name, timeout)).await
    }

    async fn find_or_make(&self, name: &str) -> Result<Arc<Topic>, LogError> {
        let mut found = self.look_up(name).await?;
        if found.is_none() {
            if self.config.create_topics {
                self.make(name).await?;
            }
            found = self.look_patiently(name).await?;
        }
        let Some(partitions) = found else {
            let was_there = self.seen.read().unwrap_or_else(PoisonError::into_inner).contains(name);
            return Err(match self.config.create_topics || was_there {
                true => not_listed(name),
                false => LogError::UnknownTopic(name.to_owned()),
            });
        };
        self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        let max_payload_bytes = self.max_batch_bytes(name).await.saturating_sub(RECORD_OVERHEAD_BYTES);
        let (metrics, partitions) = (AppendMetrics::new(name), AtomicU32::new(count(&partitions)));
        let topic = Arc::new(Topic { max_payload_bytes, metrics, partitions });
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
            .set(MAX_BYTES, &max_bytes)
            .set(TIME_OF_RECORDS.0, TIME_OF_RECORDS.1);
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

    /// The partitions of a topic that comes to be listed within the time that brokers have for an answer.
    async fn look_patiently(&self, name: &str) -> Result<Option<Vec<i32>>, LogError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.look_up(name).await? {
                None if Instant::now() < deadline => sleep(LOOK_AGAIN_AFTER).await,
                found => return Ok(found),
            }
        }
    }

    /// The topic's `max.message.bytes`, or our own limit where that is smaller or the cluster does not tell.
    async fn max_batch_bytes(&self, name: &str) -> usize {
        let own = self.config.max_record_bytes + RECORD_OVERHEAD_BYTES;
        let settings = self.settings(name).await.unwrap_or_default();
        let limit = settings.iter().find(|setting| setting.name == MAX_BYTES);
        let limit: Option<usize> = limit.and_then(|limit| limit.value.as_ref()?.parse().ok());
        limit.map_or(own, |limit| limit.min(own))
    }

    /// The topic's settings; `None` when the cluster does not tell.
    async fn settings(&self, name: &str) -> Option<Vec<ConfigEntry>> {
        let described = self.admin.describe_configs([&ResourceSpecifier::Topic(name)], &self.options()).await;
        Some(described.ok()?.pop()?.ok()?.entries)
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.timeout)).operation_timeout(Some(self.timeout))
    }
}

/// A broker that was just started, or a topic that was just made: the news is on its way.
fn not_listed(name: &str) -> LogError {
    LogError::Unavailable { reason: format!("the brokers do not list the topic {name}, or it has no leader yet") }
}

fn count(partitions: &[i32]) -> u32 {
    u32::try_from(partitions.len()).unwrap_or(u32::MAX)
}
