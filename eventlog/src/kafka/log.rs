//! The log on a Kafka cluster.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use event::{Positions, Timestamp};
use tokio::sync::watch;
use tokio::time::timeout;

use super::append::Appender;
use super::client::Clients;
use super::config::Config;
use super::errors;
use super::group::Group;
use super::membership::KafkaMembership;
use super::partitioner::partition;
use super::queries::{self, Asked, asked, blocking};
use super::reader::KafkaReader;
use super::topics::Topics;
use super::transactor::KafkaTransactor;
use crate::{EventLog, LogError, Membership, NewRecord, Reader, Receipts, Transactor};

/// The log on a Kafka cluster. Its clients reconnect by themselves for as long as it lives.
pub struct KafkaLog(Arc<Inner>);

pub(super) struct Inner {
    pub(super) clients: Clients,
    pub(super) topics: Topics,
    appender: Appender,
    queries: Asked,
    groups: Mutex<HashMap<String, Arc<Group>>>,
    /// Watched by each member until it has left.
    members: watch::Sender<()>,
}

impl KafkaLog {
    /// Makes the clients, which connect by themselves as soon as the brokers can be reached.
    ///
    /// # Errors
    /// `Misconfigured`, also for a certificate or key that cannot be read.
    pub fn connect(config: &Config) -> Result<Arc<Self>, LogError> {
        config.check()?;
        if config.insecure_skip_verify {
            tracing::warn!("the certificates of the kafka brokers are not checked, as insecure_skip_verify asks");
        }
        let clients = Clients::new(config);
        let queries = asked(&clients, None)?;
        let inner = Inner {
            topics: Topics::new(config, &clients, &queries)?,
            appender: Appender::new(config, &clients)?,
            queries,
            groups: Mutex::default(),
            members: watch::Sender::new(()),
            clients,
        };
        Ok(Arc::new(Self(Arc::new(inner))))
    }

    /// Waits until what was appended is settled and those who were dropped have left their groups, at most for `patience`.
    pub async fn close(&self, patience: Duration) {
        if let Err(error) = self.0.appender.flush(patience).await {
            tracing::warn!(%error, "the kafka log closes with appends unsettled");
        }
        if timeout(patience, self.0.members.closed()).await.is_err() {
            tracing::warn!("the kafka log closes before it has left its groups");
        }
    }

    /// The members of a group now, of whichever process.
    ///
    /// # Errors
    /// `Unavailable` when the brokers do not tell.
    pub async fn members(&self, group: &str) -> Result<usize, LogError> {
        let (queries, group, timeout) = (self.0.queries.clone(), group.to_owned(), self.0.clients.request_timeout());
        blocking(move || queries::members(&queries, &group, timeout)).await
    }

    /// Refuses partitions that a topic, made if need be, does not have.
    async fn check_partition(&self, topic: &str, partition: i32) -> Result<(), LogError> {
        if partition < 0 {
            return Err(LogError::OutOfRange { partition, requested: 0, held: 0..0 });
        }
        match self.0.topics.partitions(topic).await?.contains(&partition) {
            true => Ok(()),
            // The broker that was asked may be the last one to learn of it.
            false => Err(LogError::Unavailable { reason: format!("no partition {partition} of {topic} is known yet") }),
        }
    }
}

impl Inner {
    fn group(&self, name: &str) -> Arc<Group> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.entry(name.to_owned()).or_insert_with(|| Arc::new(Group::new(name))).clone()
    }

    /// Asks the brokers on a thread where that may block.
    async fn ask<T: Send + 'static>(
        &self,
        topic: &str,
        question: impl FnOnce(&Asked, &str, Duration) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let (queries, topic, timeout) = (self.queries.clone(), topic.to_owned(), self.clients.request_timeout());
        blocking(move || question(&queries, &topic, timeout)).await
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        let receipts = Receipts::new(records.len());
        match self.append_each(topic, &records, &receipts).await {
            Ok(()) => Ok(receipts.positions().into_iter().flatten().collect()),
            Err(error @ (LogError::Busy | LogError::TooLarge { .. })) if !receipts.is_empty() => {
                Err(errors::unavailable("append all records", &error))
            }
            Err(error) => Err(error),
        }
    }

    async fn append_each(&self, topic: &str, records: &[NewRecord], receipts: &Receipts) -> Result<(), LogError> {
        self.0.appender.append(&self.0.topics, topic, records, receipts).await
    }

    fn partition_of(&self, topic: &str, key: &[u8]) -> Option<i32> {
        let partitions = self.0.topics.known_partitions(topic)?;
        if key.is_empty() || partitions < 2 { None } else { partition(key, partitions) }
    }

    async fn is_own(&self, topic: &str) -> Result<bool, LogError> {
        self.0.topics.is_own(topic).await
    }

    async fn partitions(&self, topic: &str) -> Result<Vec<i32>, LogError> {
        self.0.topics.partitions(topic).await
    }

    async fn bounds(&self, topic: &str, partition: i32) -> Result<Range<i64>, LogError> {
        self.check_partition(topic, partition).await?;
        self.0.ask(topic, move |queries, topic, timeout| queries::bounds(queries, topic, partition, timeout)).await
    }

    async fn offset_for_time(&self, topic: &str, partition: i32, time: Timestamp) -> Result<i64, LogError> {
        self.check_partition(topic, partition).await?;
        let question = move |queries: &Asked, topic: &str, timeout| match queries::offset_for_time(
            queries, topic, partition, time, timeout,
        )? {
            Some(offset) => Ok(offset),
            None => Ok(queries::bounds(queries, topic, partition, timeout)?.end),
        };
        self.0.ask(topic, question).await
    }

    async fn positions(&self, group: &str, topic: &str) -> Result<Positions, LogError> {
        let partitions = self.0.topics.partitions(topic).await?;
        let (group, clients) = (self.0.group(group), self.0.clients.clone());
        let question = move |_: &Asked, topic: &str, timeout| {
            queries::positions(&group.consumer(&clients)?, topic, &partitions, timeout)
        };
        self.0.ask(topic, question).await
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        self.0.topics.named(topic).await?;
        Ok(Box::new(KafkaReader::new(&self.0.clients, &self.0.queries, topic)?))
    }

    async fn join(&self, group: &str, topic: &str) -> Result<Box<dyn Membership>, LogError> {
        self.0.topics.named(topic).await?;
        let left = self.0.members.subscribe();
        let (membership, share) = KafkaMembership::join(&self.0.clients, group, topic, left)?;
        self.0.group(group).joined(topic, &share);
        Ok(Box::new(membership))
    }

    async fn transactor(&self, group: &str, output: &str) -> Result<Box<dyn Transactor>, LogError> {
        self.0.topics.named(output).await?;
        Ok(Box::new(KafkaTransactor::new(self.0.clone(), self.0.group(group), output).await?))
    }

    /// Kafka's own retention removes what is old: nothing is released.
    async fn release(&self, _topic: &str, _partition: i32, _offset: i64) -> Result<(), LogError> {
        Ok(())
    }
}
