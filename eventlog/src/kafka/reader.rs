//! Reads partitions from given positions on, with a consumer that belongs to no group.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use event::{Positions, Timestamp};
use futures::{FutureExt, StreamExt};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::client::{Clients, Retiring, create};
use super::context::Context;
use super::errors;
use super::queries::{self, Asked, blocking};
use crate::{LogError, Reader, Record};

/// How much memory payloads share.
const PAYLOADS_BYTES: usize = 64 << 10;
const DAMAGED: RDKafkaErrorCode = RDKafkaErrorCode::BadMessage;

pub(super) struct KafkaReader {
    topic: String,
    consumer: Retiring<StreamConsumer<Context>>,
    queries: Asked,
    timeout: Duration,
    /// The next offset to be given out, for each assigned partition.
    positions: Positions,
    /// Whether fetching has stopped somewhere because of a position that the brokers do not hold.
    stuck: bool,
    /// What came after the records that were given out last.
    failed: Option<LogError>,
    /// Whether a batch did not hold its checksum: librdkafka would go on behind it.
    damaged: bool,
}

impl KafkaReader {
    pub(super) fn new(clients: &Clients, queries: &Asked, topic: &str) -> Result<Self, LogError> {
        let consumer: StreamConsumer<Context> = create(&clients.reader(), "reader")?;
        Ok(Self {
            topic: topic.to_owned(),
            consumer: consumer.into(),
            queries: queries.clone(),
            timeout: clients.request_timeout(),
            positions: Positions::default(),
            stuck: false,
            failed: None,
            damaged: false,
        })
    }

    /// Sets the consumer to `positions`; it forgets what it has fetched.
    fn apply(&self) -> Result<(), LogError> {
        let assignment = || {
            let mut partitions = TopicPartitionList::new();
            for (partition, next) in self.positions.iter() {
                partitions.add_partition_offset(&self.topic, partition, Offset::Offset(next))?;
            }
            self.consumer.assign(&partitions)
        };
        assignment().map_err(|error| errors::unavailable("assign", &error))
    }

    /// Refuses a position that is not held; goes on when all are.
    async fn check_positions(&mut self) -> Result<(), LogError> {
        for (partition, requested) in self.positions.iter() {
            let held = self.bounds(partition).await?;
            if !(held.start..=held.end).contains(&requested) {
                return Err(LogError::OutOfRange { partition, requested, held });
            }
        }
        self.apply()?;
        self.stuck = false;
        Ok(())
    }

    async fn bounds(&self, partition: i32) -> Result<Range<i64>, LogError> {
        let (queries, topic, timeout) = (self.queries.clone(), self.topic.clone(), self.timeout);
        blocking(move || queries::bounds(&queries, &topic, partition, timeout)).await
    }

    /// The first message, waited for, and those that are there already, up to `max_bytes`. Nothing is taken from the
    /// consumer before the last wait, so that dropping this loses nothing.
    async fn fetch(&mut self, max_bytes: usize) -> Vec<Record> {
        let (mut records, mut bytes, mut payloads) = (Vec::new(), 0, BytesMut::with_capacity(PAYLOADS_BYTES));
        let consumer = &self.consumer;
        let mut messages = consumer.stream();
        loop {
            let message = match records.is_empty() {
                true => messages.next().await,
                false => messages.next().now_or_never().flatten(),
            };
            match message {
                Some(Ok(message))
                    if self.positions.get(message.partition()).is_some_and(|next| next <= message.offset()) =>
                {
                    let record = read(&message, &mut payloads);
                    bytes += record.payload.len();
                    self.positions.set(record.partition, record.offset + 1);
                    records.push(record);
                }
                // Fetched before the last assignment.
                Some(Ok(_)) => {}
                Some(Err(error)) if is_lost_position(&error) => self.stuck = true,
                Some(Err(error)) => {
                    self.damaged = errors::is_damage(&error);
                    self.failed = lasting(consumer.context(), &self.topic, &error);
                }
                None => break,
            }
            if bytes >= max_bytes || self.stuck || self.failed.is_some() {
                break;
            }
        }
        records
    }
}

#[async_trait]
impl Reader for KafkaReader {
    async fn assign(&mut self, positions: &Positions) -> Result<(), LogError> {
        self.positions = positions.clone();
        self.stuck = false;
        self.failed = None;
        self.damaged = false;
        self.apply()
    }

    async fn next(&mut self, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        loop {
            if self.stuck {
                self.check_positions().await?;
            }
            if let Some(error) = self.failed.take() {
                return Err(error);
            }
            if self.damaged {
                return Err(errors::unavailable(&format!("read the topic {}", self.topic), &DAMAGED));
            }
            let records = self.fetch(max_bytes).await;
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }
}

/// Copies a record. Payloads share memory, which takes one allocation for many of them.
fn read(message: &BorrowedMessage<'_>, payloads: &mut BytesMut) -> Record {
    payloads.extend_from_slice(message.payload().unwrap_or_default());
    // Producers may leave a record without a time.
    let time = message.timestamp().to_millis().filter(|millis| *millis >= 0);
    let time = time.and_then(|millis| Timestamp::from_micros(millis.saturating_mul(1_000)).ok());
    Record {
        partition: message.partition(),
        offset: message.offset(),
        time: time.unwrap_or_else(Timestamp::now),
        payload: payloads.split().freeze(),
    }
}

/// Whether the brokers do not hold a position, or hold other records before it than were read.
fn is_lost_position(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{AutoOffsetReset, LogTruncation, OffsetOutOfRange};
    matches!(error.rdkafka_error_code(), Some(AutoOffsetReset | LogTruncation | OffsetOutOfRange))
}

/// What the consumer does not get over by itself; it is logged, as the caller may try again without a word.
fn lasting(context: &Context, topic: &str, error: &KafkaError) -> Option<LogError> {
    let code = error.rdkafka_error_code()?;
    if !errors::is_unknown_topic(code) && !errors::needs_somebody(code) {
        tracing::debug!(topic, %error, "the reader goes on after an error");
        return None;
    }
    if context.refusals.is_due() {
        tracing::warn!(topic, %error, "a topic cannot be read");
    }
    Some(errors::unavailable(&format!("read the topic {topic}"), &code))
}
