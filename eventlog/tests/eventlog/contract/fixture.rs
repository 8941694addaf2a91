//! The logs under test, and what the cases do with them.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event::{Positions, Timestamp};
use eventlog::embedded::{Config, EmbeddedLog};
use eventlog::kafka::{self, KafkaLog};
use eventlog::memory::{MAX_RECORD_BYTES, MemoryLog};
use eventlog::{EventLog, NewRecord, Record};
use spool::{self, SpooledLog};

use testkit::kafka_console::read_topic;
use testkit::services::kafka::{SharedKafka, unique};

/// How long anything may take before a test gives up on it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// One log and a topic that no other test uses.
pub(crate) struct Fixture {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) topic: String,
    pub(crate) max_record_bytes: usize,
    /// Where transactions take offsets of their own, so that offsets do not tell how many records there are.
    broker: Option<&'static SharedKafka>,
    _holds: Box<dyn Any + Send + Sync>,
}

pub(crate) async fn memory() -> Fixture {
    let (log, topic) = (MemoryLog::new(3), "page_views".to_owned());
    Fixture { log, topic, max_record_bytes: MAX_RECORD_BYTES, broker: None, _holds: Box::new(()) }
}

/// Small segments, so that the cases cross many.
pub(crate) async fn embedded() -> Fixture {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = Config { segment_bytes: 4096, ..Config::default() };
    let log = EmbeddedLog::open(dir.path(), &config).expect("an empty folder opens");
    let max_record_bytes = config.max_record_bytes as usize;
    Fixture { log, topic: "page_views".to_owned(), max_record_bytes, broker: None, _holds: Box::new(dir) }
}

/// A spool in front of a log in memory.
pub(crate) async fn spooled() -> Fixture {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let log = SpooledLog::open(dir.path(), &spool::Config::default(), MemoryLog::new(3)).await.expect("a spool");
    Fixture {
        log,
        topic: "page_views".to_owned(),
        max_record_bytes: MAX_RECORD_BYTES,
        broker: None,
        _holds: Box::new(dir),
    }
}

/// A real broker that the cases share, each with a topic of its own.
pub(crate) async fn kafka() -> Fixture {
    let broker = testkit::services::kafka::shared();
    let topic = unique("page_views");
    let brokers = Some(broker.address().to_owned());
    let config = kafka::Config { brokers, topic_partitions: 3, ..kafka::Config::default() };
    let log = KafkaLog::connect(&config).expect("a log");
    let max_record_bytes = config.max_record_bytes;
    Fixture { log, topic, max_record_bytes, broker: Some(broker), _holds: Box::new(()) }
}

pub(crate) fn record(key: impl ToString, payload: impl Into<Bytes>) -> NewRecord {
    NewRecord { key: key.to_string().into(), event_id: None, payload: payload.into() }
}

/// Records named by number, each under a key of its own.
pub(crate) fn numbered(numbers: std::ops::Range<usize>) -> Vec<NewRecord> {
    numbers.map(|number| record(number, number.to_string())).collect()
}

impl Fixture {
    pub(crate) async fn append(&self, records: Vec<NewRecord>) -> Vec<(i32, i64)> {
        self.log.append(&self.topic, records).await.expect("an append")
    }

    /// The oldest position of each partition.
    pub(crate) async fn start(&self, topic: &str) -> Positions {
        let mut start = Positions::default();
        for partition in self.log.partitions(topic).await.expect("partitions") {
            start.set(partition, self.log.bounds(topic, partition).await.expect("bounds").start);
        }
        start
    }

    /// Everything that a topic holds, by partition.
    pub(crate) async fn read_all(&self, topic: &str) -> BTreeMap<i32, Vec<Record>> {
        let mut missing = self.count(topic).await;
        let mut reader = self.log.reader(topic).await.expect("a reader");
        reader.assign(&self.start(topic).await).await.expect("an assignment");
        let mut all: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        while missing > 0 {
            let records = within(reader.next(1 << 16)).await.expect("records");
            missing -= records.len();
            records.into_iter().for_each(|record| all.entry(record.partition).or_default().push(record));
        }
        all
    }

    async fn count(&self, topic: &str) -> usize {
        let mut count = 0;
        for partition in self.log.partitions(topic).await.expect("partitions") {
            let held = self.log.bounds(topic, partition).await.expect("bounds");
            count += (held.end - held.start) as usize;
        }
        let Some(broker) = self.broker else { return count };
        let topic = topic.to_owned();
        tokio::task::spawn_blocking(move || read_topic(broker.address(), &topic).len()).await.expect("a count")
    }

    /// The payloads of a topic as text, sorted.
    pub(crate) async fn payloads(&self, topic: &str) -> Vec<String> {
        let all = self.read_all(topic).await.into_values().flatten();
        let mut payloads: Vec<String> = all.map(|record| text(&record)).collect();
        payloads.sort();
        payloads
    }
}

pub(crate) fn text(record: &Record) -> String {
    String::from_utf8(record.payload.to_vec()).expect("a text")
}

/// What a future gives, which must be before the deadline.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("done before the deadline")
}

/// Waits until the clock shows a later millisecond.
pub(crate) async fn next_millisecond() -> Timestamp {
    let start = Timestamp::now().millis();
    while Timestamp::now().millis() <= start {
        tokio::task::yield_now().await;
    }
    Timestamp::now().to_millis_precision()
}
