//! The form of records, both ways.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use event::{EventId, Timestamp};
use eventlog::kafka::{Compression, Config};
use eventlog::{EventLog, LogError, NewRecord, Receipts};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::task::spawn_blocking;

use crate::kafka::fixture::{DEADLINE, config, connect, reader_from_the_start, record, shared, text, unique, within};
use testkit::kafka_console::{create_topic, read_topic, set_topic};
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
        assert_eq!(log.partition_of(&topic, key.as_bytes()), Some(partition), "{key}");
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

#[tokio::test]
async fn one_call_as_large_as_the_queue_is_taken_while_others_come_and_go() {
    let (_, topic) = shared();
    let log = connect(&Config { max_queue_records: 1_000, ..config(kafka::shared().address()) });
    let others = (0..8).map(|n| {
        let (log, topic) = (Arc::clone(&log), topic.clone());
        tokio::spawn(async move {
            loop {
                // Busy while the large one waits for its turn.
                if log.append(&topic, vec![record(&n.to_string(), "small"); 50]).await.is_err() {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    let others: Vec<_> = others.collect();
    for _ in 0..20 {
        let large = within(log.append(&topic, vec![record("a", "large"); 1_000])).await;
        assert_eq!(large.unwrap().len(), 1_000);
    }
    others.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_limit_that_is_lowered_makes_smaller_batches_and_is_nobodys_fault_but_a_larger_records() {
    let (log, topic) = shared();
    let address = kafka::shared().address();
    create_topic(address, &topic, 1, &[]).await;
    let many = |count| (0..count).map(|_| record("a", incompressible(1_000))).collect::<Vec<_>>();
    log.append(&topic, many(200)).await.unwrap();
    set_topic(address, &topic, &[("max.message.bytes", "20000")]).await;
    for count in [200, 1, 200] {
        assert_eq!(within(log.append(&topic, many(count))).await.unwrap().len(), count);
    }
    let refused = log.append(&topic, vec![record("a", incompressible(20_000))]).await;
    assert!(matches!(refused, Err(LogError::TooLarge { bytes: 20_000, .. })), "{refused:?}");
    assert_eq!(log.bounds(&topic, 0).await.unwrap().end, 601, "and each once");
}

/// Both, so that each has a batch of its own: what one partition refuses says nothing about another.
#[tokio::test]
async fn receipts_tell_which_records_of_a_failed_append_are_durable() {
    let log = connect(&Config { delivery_timeout_ms: 2_000, ..config(kafka::shared().address()) });
    let topic = unique("page_views");
    let records = [record("a", "small"), record("b", incompressible(3_000)), record("c", "small")];
    create_topic(kafka::shared().address(), &topic, 1, &[]).await;
    log.append(&topic, records.to_vec()).await.unwrap();
    set_topic(kafka::shared().address(), &topic, &[("max.message.bytes", "2500")]).await;
    let receipts = Receipts::new(3);
    let refused = log.append_each(&topic, &records, &receipts).await;
    assert!(matches!(refused, Err(LogError::TooLarge { bytes: 3_000, .. })), "{refused:?}");
    assert!(receipts.missing().contains(&1));
    let rest: Vec<_> = receipts.missing().into_iter().filter(|index| *index != 1).collect();
    let rest: Vec<_> = rest.into_iter().map(|index| records[index].clone()).collect();
    log.append(&topic, rest).await.unwrap();
    assert_eq!(log.bounds(&topic, 0).await.unwrap().end, 5, "no record is there twice");
}

/// Kafka keeps a time of -1 as it is given.
#[tokio::test]
async fn a_record_without_a_time_has_the_time_of_its_reading_and_not_1970() {
    let (log, topic) = shared();
    let address = kafka::shared().address();
    create_topic(address, &topic, 1, &[("message.timestamp.type", "CreateTime")]).await;
    let (written, before) = (topic.clone(), Timestamp::now());
    let foreign = move || {
        let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
        producer.send(BaseRecord::<(), [u8]>::to(&written).payload(b"{}").timestamp(-1)).unwrap();
        producer.flush(DEADLINE).unwrap();
    };
    spawn_blocking(foreign).await.unwrap();
    let mut reader = reader_from_the_start(&log, &topic).await;
    let time = within(reader.next(1)).await.unwrap()[0].time;
    assert!((before..=Timestamp::now()).contains(&time), "{time:?}");
}
