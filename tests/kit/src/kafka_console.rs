//! Looks at a Kafka cluster from outside, past pageberg's own code.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A record with all that Kafka holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The partition that holds it.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers, by name.
    pub headers: BTreeMap<String, String>,
    /// Its payload; empty for a tombstone.
    pub payload: Vec<u8>,
}

/// Makes a topic with settings of its own.
pub async fn create_topic(address: &str, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
    let made = admin(address).create_topics([&new], &AdminOptions::new()).await.unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// Gives a topic more partitions, `partitions` in all.
pub async fn add_partitions(address: &str, topic: &str, partitions: usize) {
    let more = NewPartitions::new(topic, partitions);
    let made = admin(address).create_partitions([&more], &AdminOptions::new()).await.unwrap();
    assert!(made.iter().all(Result::is_ok), "{made:?}");
}

/// Gives a topic these settings, and the defaults for all others.
pub async fn set_topic(address: &str, topic: &str, settings: &[(&str, &str)]) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic));
    let change = settings.iter().fold(change, |change, (name, value)| change.set(name, value));
    let changed = admin(address).alter_configs([&change], &AdminOptions::new()).await.unwrap();
    assert!(changed.iter().all(Result::is_ok), "{changed:?}");
}

/// Deletes a topic with all its records.
pub async fn delete_topic(address: &str, topic: &str) {
    let deleted = admin(address).delete_topics(&[topic], &AdminOptions::new()).await.unwrap();
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
}

/// Deletes the records of a partition before an offset, as retention does.
pub async fn delete_records(address: &str, topic: &str, partition: i32, before: i64) {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
    let deleted = admin(address).delete_records(&offsets, &AdminOptions::new()).await.unwrap();
    deleted.elements().iter().for_each(|element| element.error().unwrap());
}

/// All committed records of a topic, by partition and offset, once no transaction is open any more.
pub fn read_topic(address: &str, topic: &str) -> Vec<Seen> {
    let consumer = consumer(address, "read_committed");
    let ends = settled_ends(&consumer, address, topic);
    let mut assignment = TopicPartitionList::new();
    for partition in ends.keys() {
        assignment.add_partition_offset(topic, *partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let (mut all, mut unfinished, deadline) = (Vec::new(), ends.len(), Instant::now() + TIMEOUT);
    while unfinished > 0 {
        assert!(Instant::now() < deadline, "{topic} was not read to its end");
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => all.push(seen(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => unfinished -= 1,
            Some(Err(error)) => panic!("{topic}: {error}"),
            None => {}
        }
    }
    all.sort_by_key(|record| (record.partition, record.offset));
    all
}

/// The end of each partition, once committed and uncommitted readers see the same.
fn settled_ends(committed: &BaseConsumer, address: &str, topic: &str) -> BTreeMap<i32, i64> {
    let uncommitted = consumer(address, "read_uncommitted");
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let ends = ends(committed, topic);
        if ends == self::ends(&uncommitted, topic) {
            return ends;
        }
        assert!(Instant::now() < deadline, "a transaction on {topic} stays open");
    }
}

fn ends(consumer: &BaseConsumer, topic: &str) -> BTreeMap<i32, i64> {
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).unwrap();
    let partitions = metadata.topics()[0].partitions().iter().map(|partition| partition.id());
    partitions.map(|id| (id, consumer.fetch_watermarks(topic, id, TIMEOUT).unwrap().1)).collect()
}

fn seen(message: &BorrowedMessage<'_>) -> Seen {
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap_or_default().to_vec()).unwrap();
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Seen {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
        payload: message.payload().unwrap_or_default().to_vec(),
    }
}

fn consumer(address: &str, isolation: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address).set("group.id", "console").set("isolation.level", isolation);
    config.set("enable.auto.commit", "false").set("enable.partition.eof", "true").set("fetch.wait.max.ms", "10");
    config.create().unwrap()
}

fn admin(address: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", address).create().unwrap()
}
