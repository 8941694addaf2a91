//! A broker that goes away and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eventlog::kafka::{Config, KafkaLog};
use eventlog::{EventLog, LogError};
use tokio::task::spawn_blocking;

use crate::kafka::fixture::{
    DEADLINE, advance, assigned, config, connect, reader_from_the_start, record, text, within,
};
use testkit::services::kafka::OwnKafka;

const TOPIC: &str = "page_views";
const AWAY: Duration = Duration::from_secs(10);

/// Appends `payload` until it is acknowledged, and tells how often it was not.
async fn append_until_acknowledged(log: &KafkaLog, payload: &str) -> usize {
    let mut refused = 0;
    loop {
        match log.append(TOPIC, vec![record("a", payload.to_owned())]).await {
            Ok(_) => return refused,
            Err(LogError::Unavailable { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_fail_in_time_while_the_broker_is_away_and_readers_go_on_without_a_gap() {
    let broker = Arc::new(OwnKafka::start());
    let log = connect(&Config { delivery_timeout_ms: 2_000, max_queue_records: 5, ..config(broker.address()) });
    let mut reader = reader_from_the_start(&log, TOPIC).await;
    log.append(TOPIC, (0..4).map(|n| record("a", format!("before {n}"))).collect()).await.unwrap();
    let mut read: Vec<(i64, String)> = Vec::new();
    while read.len() < 3 {
        let records = within(reader.next(1)).await.unwrap();
        read.extend(records.iter().map(|record| (record.offset, text(record))));
    }
    broker.kill();
    let killed = Instant::now();
    while killed.elapsed() < AWAY {
        let asked = Instant::now();
        let lost = log.append(TOPIC, (0..4).map(|_| record("a", "lost")).collect());
        let (lost, busy) = tokio::join!(lost, log.append(TOPIC, (0..2).map(|_| record("a", "busy")).collect()));
        assert!(matches!(lost, Err(LogError::Unavailable { .. })), "{lost:?}");
        assert!(matches!(busy, Err(LogError::Busy)), "{busy:?}");
        assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
    }
    let restarted = broker.clone();
    spawn_blocking(move || restarted.restart()).await.unwrap();
    let back = Instant::now();
    append_until_acknowledged(&log, "after").await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    let end = log.bounds(TOPIC, partition_of_a(&log).await).await.unwrap().end;
    while read.last().unwrap().0 + 1 < end {
        let records = within(reader.next(1 << 20)).await.unwrap();
        read.extend(records.iter().map(|record| (record.offset, text(record))));
    }
    let offsets: Vec<i64> = read.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, (0..end).collect::<Vec<_>>(), "no gap and no repetition");
    let of = |prefix: &str| read.iter().filter(|(_, text)| text.starts_with(prefix)).count();
    assert_eq!((of("before"), of("after"), of("busy")), (4, 1, 0));
}

async fn partition_of_a(log: &KafkaLog) -> i32 {
    for partition in log.partitions(TOPIC).await.unwrap() {
        if log.bounds(TOPIC, partition).await.unwrap().end > 0 {
            return partition;
        }
    }
    panic!("nothing was appended")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_transactors_outlive_an_outage() {
    let broker = Arc::new(OwnKafka::start());
    let log = connect(&Config { transaction_timeout_ms: 3_000, request_timeout_ms: 2_000, ..config(broker.address()) });
    let mut member = log.join("workers", TOPIC).await.unwrap();
    assigned(&mut member, &[0, 1, 2, 3]).await;
    let mut transactor = log.transactor("workers", "out").await.unwrap();
    transactor.commit(vec![record("a", "1")], &advance(TOPIC, None, 1)).await.unwrap();
    broker.kill();
    let lost = transactor.commit(vec![record("a", "2")], &advance(TOPIC, Some(1), 2)).await;
    assert!(matches!(lost, Err(LogError::Unavailable { .. })), "{lost:?}");
    assert!(matches!(log.positions("workers", TOPIC).await, Err(LogError::Unavailable { .. })));
    let restarted = broker.clone();
    spawn_blocking(move || restarted.restart()).await.unwrap();
    let mut next = 2;
    let recovered = async {
        while next < 5 {
            let Ok(mut transactor) = log.transactor("workers", "out").await else { continue };
            let Ok(stored) = log.positions("workers", TOPIC).await else { continue };
            next = stored.get(0).unwrap() + 1;
            let step = advance(TOPIC, stored.get(0), next);
            let committed = transactor.commit(vec![record("a", next.to_string())], &step).await;
            if let Err(error) = committed {
                assert!(error.is_retriable(), "{error}");
                next -= 1;
            }
        }
    };
    within(recovered).await;
    let out = spawn_blocking(move || testkit::kafka_console::read_topic(broker.address(), "out")).await.unwrap();
    let mut out: Vec<_> = out.into_iter().map(|seen| String::from_utf8(seen.payload).unwrap()).collect();
    out.sort();
    assert_eq!(out, ["1", "2", "3", "4", "5"]);
    drop(member);
    log.close(DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_made_while_nobody_answers_and_works_once_somebody_does() {
    let broker = Arc::new(OwnKafka::start());
    broker.kill();
    let log = connect(&Config { request_timeout_ms: 500, ..config(broker.address()) });
    let asked = Instant::now();
    let many = futures::future::join_all((0..50).map(|_| log.append(TOPIC, vec![record("a", "x")]))).await;
    assert!(many.iter().all(|result| matches!(result, Err(LogError::Unavailable { .. }))));
    assert!(asked.elapsed() < Duration::from_secs(5), "those who wait do so together: {:?}", asked.elapsed());
    let restarted = broker.clone();
    spawn_blocking(move || restarted.restart()).await.unwrap();
    within(append_until_acknowledged(&log, "x")).await;
}
