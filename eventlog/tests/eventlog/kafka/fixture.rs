//! Logs on a broker, and what the tests do with them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{Advance, Step};
use eventlog::kafka::{Config, KafkaLog};
use eventlog::{EventLog, Membership, NewRecord, Reader, Record};
use tokio::time::timeout;

use testkit::services::kafka;
pub(crate) use testkit::services::kafka::unique;

/// How long anything may take before a test gives up on it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Settings for a broker at this address, with four partitions a topic.
pub(crate) fn config(brokers: &str) -> Config {
    Config { brokers: Some(brokers.to_owned()), session_timeout_ms: 2_000, ..Config::default() }
}

pub(crate) fn connect(config: &Config) -> Arc<KafkaLog> {
    KafkaLog::connect(config).unwrap()
}

/// A log on the broker that the tests share, and a topic that no other test uses.
pub(crate) fn shared() -> (Arc<KafkaLog>, String) {
    (connect(&config(kafka::shared().address())), unique("page_views"))
}

pub(crate) fn record(key: &str, payload: impl Into<Bytes>) -> NewRecord {
    NewRecord { key: Bytes::copy_from_slice(key.as_bytes()), event_id: None, payload: payload.into() }
}

pub(crate) fn text(record: &Record) -> String {
    String::from_utf8(record.payload.to_vec()).unwrap()
}

/// The move of partition 0 of `topic`.
pub(crate) fn advance(topic: &str, expected: Option<i64>, next: i64) -> Advance {
    Advance { topic: topic.into(), steps: vec![Step { partition: 0, expected, next, last: None }] }
}

/// What a future gives, which must be before the deadline.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("done before the deadline")
}

/// A reader of a topic from its start.
pub(crate) async fn reader_from_the_start(log: &KafkaLog, topic: &str) -> Box<dyn Reader> {
    let mut reader = log.reader(topic).await.unwrap();
    let partitions = log.partitions(topic).await.unwrap();
    reader.assign(&partitions.into_iter().map(|partition| (partition, 0)).collect()).await.unwrap();
    reader
}

/// Waits until a member owns exactly these partitions.
pub(crate) async fn assigned(membership: &mut Box<dyn Membership>, wanted: &[i32]) {
    let settled = async { while membership.assigned().await.unwrap() != wanted {} };
    within(settled).await;
}
