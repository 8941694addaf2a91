//! The form of records, both ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use event::EventId;
use eventlog::kafka::{Compression, Config};
use eventlog::{EventLog, LogError, NewRecord};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::task::spawn_blocking;

use crate::kafka::fixture::{DEADLINE, config, connect, reader_from_the_start, record, shared, text, unique, within};
use testkit::kafka_console::{create_topic, read_topic};
use testkit::services::kafka;

#[tokio::test]
async fn a_record_carries_its_key_and_the_event_id_and_schema_version_as_headers() {
    let (log, topic) = shared();
    let id = EventId::new();
    let with_id = NewRecord { key: Bytes::from("visitor"), event_id: Some(id), payload: Bytes::from("{}") };
    let place = log.append(&topic, vec![with_id]).await.unwrap()[0];
    let without = NewRecord { key: Bytes::new(), event_id: None, payload: Bytes::from("letter") };
    log.append(&topic, vec![without]).await.unwrap();
    let seen = read(topic).await;
    let first = seen.iter().find(|seen| (seen.partition, seen.offset) == place).unwrap();
    let text = |text: &str| text.to_owned();
    let headers = BTreeMap::from([(text("event_id"), id.to_string()), (text("schema_version"), text("1"))]);
    assert_eq!((first.key.as_deref(), &first.headers), (Some("visitor".as_bytes()), &headers));
    let second = seen.iter().find(|seen| seen.payload == b"letter").unwrap();
    assert_eq!((&second.key, second.headers.len()), (&None, 0));
}

/// murmur2 of the keys as Apache Kafka's own tests give it (UtilsTest.testMurmur2).
#[tokio::test]
async fn a_key_goes_to_the_partition_that_java_clients_choose() {
    let (log, topic) = shared();
    for (key, hash) in [
        ("21", -973_932_308_i32),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ] {
        let (partition, _) = log.append(&topic, vec![record(key, "x")]).await.unwrap()[0];
        assert_eq!(partition, (hash & i32::MAX) % 4, "{key}");
    }
}

#[tokio::test]
async fn every_compression_comes_back_unchanged() {
    for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
        let log = connect(&Config { compression, ..config(kafka::shared().address()) });
        let topic = unique("compressed");
        log.append(&topic, (0..100).map(|n| record("same", format!("{n:0500}"))).collect()).await.unwrap();
        let mut reader = reader_from_the_start(&log, &topic).await;
        let mut read = Vec::new();
        while read.len() < 100 {
            read.extend(within(reader.next(1 << 20)).await.unwrap().iter().map(text));
        }
        assert_eq!(read, (0..100).map(|n| format!("{n:0500}")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn records_of_other_producers_are_read_as_they_are() {
    let (log, topic) = shared();
    assert_eq!(log.partitions(&topic).await.unwrap(), [0, 1, 2, 3]);
    let (address, written) = (kafka::shared().address(), topic.clone());
    let foreign = move || {
        let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
        let record = BaseRecord::<(), [u8]>::to(&written).partition(0);
        producer.send(record.payload(br#"{"url":"/","user_agent":"{}"}"#)).unwrap();
        producer.send(BaseRecord::<(), ()>::to(&written).partition(0)).unwrap();
        producer.flush(DEADLINE).unwrap();
    };
    spawn_blocking(foreign).await.unwrap();
    let mut reader = reader_from_the_start(&log, &topic).await;
    let mut read = Vec::new();
    while read.len() < 2 {
        read.extend(within(reader.next(1 << 20)).await.unwrap().iter().map(text));
    }
    assert_eq!(read, [r#"{"url":"/","user_agent":"{}"}"#, ""]);
}

#[tokio::test]
async fn the_limit_of_an_existing_topic_is_the_one_that_counts() {
    let (log, topic) = shared();
    create_topic(kafka::shared().address(), &topic, 1, &[("max.message.bytes", "20000")]).await;
    let error = log.append(&topic, vec![record("a", "small"), record("a", vec![0; 20_000])]).await.unwrap_err();
    let LogError::TooLarge { bytes: 20_000, limit } = error else { panic!("{error}") };
    assert_eq!(log.append(&topic, vec![record("a", incompressible(limit))]).await.unwrap(), [(0, 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_one_key_keep_their_order_over_many_batches() {
    let (log, topic) = shared();
    let producers = (0..8).map(|producer| {
        let (log, topic) = (log.clone(), topic.clone());
        tokio::spawn(async move {
            for round in 0..200 {
                let records = (0..5).map(|n| record(&producer.to_string(), format!("{producer} {:04}", round * 5 + n)));
                log.append(&topic, records.collect()).await.unwrap();
            }
        })
    });
    for producer in producers.collect::<Vec<_>>() {
        within(producer).await.unwrap();
    }
    let seen = read(topic).await;
    assert_eq!(seen.len(), 8 * 1000);
    for producer in 0..8 {
        let prefix = format!("{producer} ");
        let mine = seen.iter().filter(|seen| seen.payload.starts_with(prefix.as_bytes()));
        let expected = (0..1000).map(|n| format!("{producer} {n:04}").into_bytes());
        assert!(mine.map(|seen| seen.payload.clone()).eq(expected), "{producer}");
    }
}

async fn read(topic: String) -> Vec<testkit::kafka_console::Seen> {
    spawn_blocking(move || read_topic(kafka::shared().address(), &topic)).await.unwrap()
}

fn incompressible(bytes: usize) -> Vec<u8> {
    use rand::RngCore;
    let mut random = vec![0; bytes];
    rand::rng().fill_bytes(&mut random);
    random
}

#[tokio::test]
async fn more_than_the_queue_takes_is_busy_and_none_of_it_written() {
    let (_, topic) = shared();
    let log = connect(&Config { max_queue_records: 10, linger_ms: 200, ..config(kafka::shared().address()) });
    log.append(&topic, vec![record("a", "first")]).await.unwrap();
    let waiting = {
        let (log, topic) = (Arc::clone(&log), topic.clone());
        tokio::spawn(async move { log.append(&topic, (0..8).map(|_| record("a", "waits")).collect()).await })
    };
    tokio::task::yield_now().await;
    let refused = log.append(&topic, (0..3).map(|_| record("a", "refused")).collect()).await;
    assert!(matches!(refused, Err(LogError::Busy)), "{refused:?}");
    assert_eq!(within(waiting).await.unwrap().unwrap().len(), 8);
    let all_at_once = log.append(&topic, (0..50).map(|_| record("a", "alone")).collect()).await;
    assert_eq!(all_at_once.unwrap().len(), 50, "one call may be larger than the queue when it is empty");
    assert!(read(topic).await.iter().all(|seen| seen.payload != b"refused"));
}
