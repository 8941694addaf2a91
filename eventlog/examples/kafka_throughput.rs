//! Measures the log on Kafka: `cargo run --release -p eventlog --example kafka_throughput BROKERS`.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event::Positions;
use eventlog::kafka::{Config, KafkaLog};
use eventlog::{EventLog, LogError, NewRecord};
use futures::future::try_join_all;

const LASTS: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 1 << 20;
const RECORD_BYTES: usize = 600;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let brokers = std::env::args().nth(1).ok_or("which brokers?")?;
    let log = KafkaLog::connect(&Config { brokers: Some(brokers), ..Config::default() })?;
    let topic = format!("throughput_{}", std::process::id());
    for (producers, records) in [(64, 1), (256, 1), (32, 100)] {
        append(&log, &topic, producers, records).await?;
    }
    read(&log, &topic).await?;
    log.close(LASTS).await;
    Ok(())
}

fn record(number: usize) -> NewRecord {
    let key = Bytes::from((number % 10_000).to_string());
    NewRecord { key, event_id: Some(event::EventId::new()), payload: vec![b'x'; RECORD_BYTES].into() }
}

async fn append(log: &Arc<KafkaLog>, topic: &str, producers: usize, records: usize) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let tasks = (0..producers).map(|_| tokio::spawn(produce(log.clone(), topic.to_owned(), records, started)));
    let mut latencies = Vec::new();
    for answered in try_join_all(tasks).await? {
        latencies.extend(answered?);
    }
    let rate = (latencies.len() * records) as f64 / started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let (p50, p99) = (latencies[latencies.len() / 2], latencies[latencies.len() * 99 / 100]);
    println!("{producers} producers, {records} records an append: {rate:.0} records/s, p50 {p50:.2?}, p99 {p99:.2?}");
    Ok(())
}

async fn produce(
    log: Arc<KafkaLog>,
    topic: String,
    records: usize,
    started: Instant,
) -> Result<Vec<Duration>, LogError> {
    let mut latencies = Vec::new();
    while started.elapsed() < LASTS {
        let batch = (0..records).map(|n| record(latencies.len() * records + n)).collect();
        let sent = Instant::now();
        log.append(&topic, batch).await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

async fn read(log: &KafkaLog, topic: &str) -> Result<(), Box<dyn Error>> {
    let (mut ends, mut start) = (0, Positions::default());
    for partition in log.partitions(topic).await? {
        ends += log.bounds(topic, partition).await?.end;
        start.set(partition, 0);
    }
    let mut reader = log.reader(topic).await?;
    reader.assign(&start).await?;
    let (started, mut count) = (Instant::now(), 0);
    while count < ends {
        count += reader.next(READ_BYTES).await?.len() as i64;
    }
    let rate = count as f64 / started.elapsed().as_secs_f64();
    println!("read of {count} records: {rate:.0} records/s");
    Ok(())
}
