//! What a client tells while it runs: its log, its statistics, and the fate of each record sent.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::statistics::Statistics;

use super::call::Delivery;
use super::errors;
use crate::metrics;

/// During an outage each client complains about every attempt to connect.
const WARN_AT_MOST_EVERY: Duration = Duration::from_secs(30);

/// Lets one of many warnings through.
#[derive(Default)]
pub(super) struct RateLimit(Mutex<Option<Instant>>);

impl RateLimit {
    /// Whether the last time is long ago.
    pub(super) fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let due = last.is_none_or(|last| last.elapsed() >= WARN_AT_MOST_EVERY);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// The context of every client.
pub(super) struct Context {
    role: &'static str,
    problems: RateLimit,
    /// Of what goes on until somebody mends it: the many lines of an outage must not hide it.
    pub(super) refusals: RateLimit,
}

impl Context {
    pub(super) fn new(role: &'static str) -> Self {
        Self { role, problems: RateLimit::default(), refusals: RateLimit::default() }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let client = self.role;
        if level as i32 <= RDKafkaLogLevel::Warning as i32 && self.problems.is_due() {
            tracing::warn!(client, facility, message, "kafka client reports a problem");
        } else {
            tracing::debug!(client, facility, message, "kafka client");
        }
    }

    fn stats(&self, statistics: Statistics) {
        metrics::kafka_queue(statistics.msg_cnt, statistics.msg_size);
        for broker in statistics.brokers.into_values().filter(|broker| broker.nodeid >= 0) {
            if let Some(trip) = broker.rtt.filter(|trip| trip.cnt > 0) {
                metrics::kafka_round_trip(&broker.nodename, Duration::from_micros(trip.avg.unsigned_abs()));
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code().is_some_and(errors::needs_somebody) && self.refusals.is_due() {
            tracing::warn!(client = self.role, %error, reason, "the kafka brokers refuse a client");
        } else {
            tracing::debug!(client = self.role, %error, reason, "kafka client");
        }
    }
}

impl ConsumerContext for Context {}

/// The context of a producer whose records are settled all together, by the end of their transaction.
pub(super) struct Transactional(Context);

impl From<Context> for Transactional {
    fn from(context: Context) -> Self {
        Self(context)
    }
}

impl ClientContext for Transactional {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for Transactional {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Box<Delivery>) {
        delivery.settle(match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(error.clone()),
        });
    }
}
