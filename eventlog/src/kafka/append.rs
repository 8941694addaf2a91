//! Appends: one idempotent producer per process, with room for a bounded number of records and bytes.

use std::sync::Arc;
use std::time::Duration;

use event::SCHEMA_VERSION;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer};
use rdkafka::util::IntoOpaque;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::call::{Delivery, Permits, Settled, call};
use super::client::{Clients, RECORD_OVERHEAD_BYTES};
use super::config::Config;
use super::errors;
use super::queries::blocking;
use super::sender::{Sender, Senders};
use super::topics::Topics;
use crate::metrics::BUSY;
use crate::{LogError, NewRecord, Receipts};

/// Sends records and waits for the brokers' acknowledgement.
pub(super) struct Appender {
    senders: Senders,
    records: Room,
    bytes: Room,
    /// How long an append that wants most of the room waits for it.
    patience: Duration,
}

impl Appender {
    pub(super) fn new(config: &Config, clients: &Clients) -> Result<Self, LogError> {
        Ok(Self {
            senders: Senders::new(clients, config.batch_bytes as usize)?,
            records: Room::new(config.max_queue_records),
            bytes: Room::new(config.max_queue_bytes),
            patience: Duration::from_millis(config.delivery_timeout_ms.into()),
        })
    }

    /// Appends records, and notes which are durable also when others fail.
    pub(super) async fn append(
        &self,
        topics: &Topics,
        name: &str,
        records: &[NewRecord],
        receipts: &Receipts,
    ) -> Result<(), LogError> {
        if records.is_empty() {
            return Ok(());
        }
        let bytes = records.iter().map(|record| record.payload.len()).sum();
        // Taken before the topic is looked at: nothing may queue up without bound while the brokers are away.
        let Some(permits) = self.room(records.len(), bytes).await else {
            metrics::counter!(BUSY, "topic" => name.to_owned()).increment(1);
            return Err(LogError::Busy);
        };
        let mut topic = topics.named(name).await?;
        check_sizes(records, topic.max_payload_bytes)?;
        let mut sender = self.senders.within(topic.max_payload_bytes)?;
        loop {
            let settled = send_missing(&sender, name, records, receipts, &permits).await?;
            let Some(error) = &settled.error else {
                topic.metrics.durable(records.len(), bytes);
                return Ok(());
            };
            let code = error.rdkafka_error_code();
            if code.is_some_and(errors::is_unknown_topic) {
                topics.forget(name);
            }
            if code != Some(RDKafkaErrorCode::MessageSizeTooLarge) || settled.refused_here {
                topic.metrics.failed(settled.failed);
                self.senders.replace_if_failed(&sender);
                return Err(verdict(error, records, receipts, topic.max_payload_bytes));
            }
            // The topic's limit is lower than it was when it was last looked at.
            topics.forget(name);
            topic = topics.named(name).await?;
            sender = self.smaller(&sender, largest(records, receipts), topic.max_payload_bytes)?;
        }
    }

    /// A producer of smaller batches than those of `refused`, of which the brokers found one too large.
    fn smaller(&self, refused: &Sender, largest: usize, limit: usize) -> Result<Arc<Sender>, LogError> {
        // Where the cluster does not tell the limit, it is found by halving.
        let batch_bytes = if limit < refused.batch_bytes { limit } else { refused.batch_bytes / 2 };
        if largest > limit || (limit >= refused.batch_bytes && batch_bytes < largest + RECORD_OVERHEAD_BYTES) {
            return Err(LogError::TooLarge { bytes: largest, limit: limit.min(largest.saturating_sub(1)) });
        }
        self.senders.within(batch_bytes)
    }

    /// Waits until everything sent is settled.
    pub(super) async fn flush(&self, timeout: Duration) -> Result<(), LogError> {
        let sender = self.senders.current();
        let flush = move || sender.producer.flush(timeout);
        blocking(move || flush().map_err(|error| errors::unavailable("send what is left", &error))).await
    }

    async fn room(&self, records: usize, bytes: usize) -> Option<Permits> {
        let records = self.records.take(records, self.patience).await?;
        let bytes = self.bytes.take(bytes, self.patience).await?;
        Some(Arc::new(vec![records, bytes]))
    }
}

/// Sends the records that are not durable yet.
async fn send_missing(
    sender: &Sender,
    topic: &str,
    records: &[NewRecord],
    receipts: &Receipts,
    permits: &Permits,
) -> Result<Settled, LogError> {
    let missing = receipts.missing();
    if missing.is_empty() {
        return Ok(Settled::default());
    }
    let (deliveries, answer) = call(missing, receipts.clone(), permits.clone());
    for delivery in deliveries {
        let record = &records[delivery.index()];
        if let Err((error, delivery)) = send(sender, topic, record, delivery) {
            delivery.refuse(error);
        }
    }
    answer.await.map_err(|error| errors::unavailable("append", &error))
}

/// The size of the largest record that is not durable.
fn largest(records: &[NewRecord], receipts: &Receipts) -> usize {
    let sizes = receipts.missing().into_iter().map(|index| records[index].payload.len());
    sizes.max().unwrap_or_default()
}

/// What a failure means to the caller.
fn verdict(error: &KafkaError, records: &[NewRecord], receipts: &Receipts, limit: usize) -> LogError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => LogError::TooLarge { bytes: largest(records, receipts), limit },
        Some(RDKafkaErrorCode::QueueFull) => LogError::Busy,
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

    /// What is wanted, or all there is when a single call wants more; `None` when too much is taken. Who wants more than
    /// half of all waits for it: under load so much is never free by itself.
    async fn take(&self, wanted: usize, patience: Duration) -> Option<OwnedSemaphorePermit> {
        let wanted = wanted.min(self.limit);
        let permits = u32::try_from(wanted).ok()?;
        match self.free.clone().try_acquire_many_owned(permits) {
            Ok(permit) => Some(permit),
            // What others give back is kept for those who wait.
            Err(_) if wanted > self.limit / 2 => {
                timeout(patience, self.free.clone().acquire_many_owned(permits)).await.ok()?.ok()
            }
            Err(_) => None,
        }
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
    sender: &Sender,
    topic: &str,
    record: &NewRecord,
    delivery: Box<Delivery>,
) -> Result<(), (KafkaError, Box<Delivery>)> {
    let sent = sender.producer.send(outgoing(topic, record, delivery));
    sent.map_err(|(error, outgoing)| (error, outgoing.delivery_opaque))
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
