//! Appends: one idempotent producer per process, with room for a bounded number of records and bytes.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use event::SCHEMA_VERSION;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::util::IntoOpaque;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::call::{Delivery, Settled, call};
use super::client::{Clients, create, retire};
use super::config::Config;
use super::context::Context;
use super::errors;
use super::queries::blocking;
use super::topics::Topics;
use crate::metrics::BUSY;
use crate::{LogError, NewRecord};

type KafkaProducer = ThreadedProducer<Context>;

/// Sends records and waits for the brokers' acknowledgement.
pub(super) struct Appender {
    clients: Clients,
    producer: RwLock<Arc<KafkaProducer>>,
    records: Room,
    bytes: Room,
}

impl Appender {
    pub(super) fn new(config: &Config, clients: &Clients) -> Result<Self, LogError> {
        Ok(Self {
            clients: clients.clone(),
            producer: RwLock::new(Arc::new(create(&clients.producer(), "producer")?)),
            records: Room::new(config.max_queue_records),
            bytes: Room::new(config.max_queue_bytes),
        })
    }

    pub(super) async fn append(
        &self,
        topics: &Topics,
        name: &str,
        records: Vec<NewRecord>,
    ) -> Result<Vec<(i32, i64)>, LogError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = records.iter().map(|record| record.payload.len()).sum();
        // Taken before the topic is looked at: nothing may queue up without bound while the brokers are away.
        let Some(room) = self.room(records.len(), bytes) else {
            metrics::counter!(BUSY, "topic" => name.to_owned()).increment(1);
            return Err(LogError::Busy);
        };
        let topic = topics.named(name).await?;
        check_sizes(&records, topic.max_payload_bytes)?;
        let producer = self.producer();
        let settled = send_all(&producer, name, &records, room).await?;
        let Some(error) = &settled.error else {
            topic.metrics.durable(records.len(), bytes);
            return Ok(settled.positions);
        };
        topic.metrics.failed(settled.failed);
        if error.rdkafka_error_code().is_some_and(errors::is_unknown_topic) {
            topics.forget(name);
        }
        if let Some((_, reason)) = producer.client().fatal_error() {
            self.replace(&producer, &reason);
        }
        Err(verdict(error, settled.failed == records.len(), &records, topic.max_payload_bytes))
    }

    /// Waits until everything sent is settled.
    pub(super) async fn flush(&self, timeout: Duration) -> Result<(), LogError> {
        let producer = self.producer();
        blocking(move || producer.flush(timeout).map_err(|error| errors::unavailable("send what is left", &error)))
            .await
    }

    fn room(&self, records: usize, bytes: usize) -> Option<Vec<OwnedSemaphorePermit>> {
        Some(vec![self.records.take(records)?, self.bytes.take(bytes)?])
    }

    fn producer(&self) -> Arc<KafkaProducer> {
        self.producer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// After a fatal error, such as a broker that lost what it had acknowledged, a producer takes nothing more.
    fn replace(&self, broken: &Arc<KafkaProducer>, reason: &str) {
        let mut current = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, broken) {
            return;
        }
        match create(&self.clients.producer(), "producer") {
            Ok(new) => {
                tracing::error!(reason, "the kafka producer failed for good and was replaced");
                retire(std::mem::replace(&mut *current, Arc::new(new)));
            }
            Err(error) => tracing::error!(%error, reason, "failed to replace the kafka producer"),
        }
    }
}

async fn send_all(
    producer: &KafkaProducer,
    topic: &str,
    records: &[NewRecord],
    room: Vec<OwnedSemaphorePermit>,
) -> Result<Settled, LogError> {
    let (deliveries, answer) = call(records.len(), room);
    for (delivery, record) in deliveries.zip(records) {
        if let Err((error, delivery)) = send(producer, topic, record, delivery) {
            delivery.settle(Err(error));
        }
    }
    answer.await.map_err(|error| errors::unavailable("append", &error))
}

/// What a failure means to the caller.
fn verdict(error: &KafkaError, nothing_written: bool, records: &[NewRecord], limit: usize) -> LogError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) if nothing_written => {
            let bytes = records.iter().map(|record| record.payload.len()).max().unwrap_or_default();
            LogError::TooLarge { bytes, limit }
        }
        Some(RDKafkaErrorCode::QueueFull) if nothing_written => LogError::Busy,
        _ => errors::unavailable("append", error),
    }
}

/// A bounded number of something.
struct Room {
    limit: usize,
    free: Arc<Semaphore>,
}

impl Room {
    fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Self { limit, free: Arc::new(Semaphore::new(limit)) }
    }

    /// What is wanted, or all there is when a single call wants more; `None` when too much is taken.
    fn take(&self, wanted: usize) -> Option<OwnedSemaphorePermit> {
        let wanted = u32::try_from(wanted.min(self.limit)).ok()?;
        self.free.clone().try_acquire_many_owned(wanted).ok()
    }
}

/// `TooLarge` for the first record over the limit.
pub(super) fn check_sizes(records: &[NewRecord], limit: usize) -> Result<(), LogError> {
    match records.iter().map(|record| record.payload.len()).find(|bytes| *bytes > limit) {
        Some(bytes) => Err(LogError::TooLarge { bytes, limit }),
        None => Ok(()),
    }
}

/// Hands a record to the producer; gives the delivery back with the error when it does not take it.
fn send(
    producer: &KafkaProducer,
    topic: &str,
    record: &NewRecord,
    delivery: Box<Delivery>,
) -> Result<(), (KafkaError, Box<Delivery>)> {
    producer.send(outgoing(topic, record, delivery)).map_err(|(error, outgoing)| (error, outgoing.delivery_opaque))
}

/// The record as it is sent, with its headers.
pub(super) fn outgoing<'a, D: IntoOpaque>(
    topic: &'a str,
    record: &'a NewRecord,
    delivery: D,
) -> BaseRecord<'a, [u8], [u8], D> {
    let mut outgoing = BaseRecord::with_opaque_to(topic, delivery).payload(&record.payload[..]);
    if !record.key.is_empty() {
        outgoing = outgoing.key(&record.key[..]);
    }
    if let Some(id) = &record.event_id {
        let mut text = [0; 36];
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: "event_id", value: Some(id.encode(&mut text)) })
            .insert(Header { key: "schema_version", value: Some(SCHEMA_VERSION) });
        outgoing = outgoing.headers(headers);
    }
    outgoing
}
