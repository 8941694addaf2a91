//! Measures the embedded log: `cargo run --release -p eventlog --example throughput [FOLDER]`.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use event::Positions;
use eventlog::embedded::{Config, EmbeddedLog};
use eventlog::{EventLog, NewRecord};

const TOPIC: &str = "throughput";
const LASTS: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 1 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let dir = tempfile::tempdir_in(folder)?;
    let log = EmbeddedLog::open(dir.path(), &Config::default())?;
    for (producers, records) in [(1, 1), (64, 1), (256, 1), (64, 100)] {
        append(&log, producers, records).await?;
    }
    log.close().await;
    drop(log);
    reopen_and_read(dir.path()).await
}

/// A record of 300 to 600 bytes.
fn record(number: usize) -> NewRecord {
    NewRecord { key: Bytes::new(), event_id: None, payload: vec![b'x'; 300 + number % 301].into() }
}

async fn append(log: &Arc<EmbeddedLog>, producers: usize, records: usize) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let tasks = (0..producers).map(|_| tokio::spawn(produce(log.clone(), records, started)));
    let mut latencies = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        latencies.extend(task.await??);
    }
    let rate = (latencies.len() * records) as f64 / started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let (p50, p99) = (latencies[latencies.len() / 2], latencies[latencies.len() * 99 / 100]);
    println!("{producers} producers, {records} records an append: {rate:.0} records/s, p50 {p50:.2?}, p99 {p99:.2?}");
    Ok(())
}

async fn produce(log: Arc<EmbeddedLog>, records: usize, started: Instant) -> Result<Vec<Duration>, eventlog::LogError> {
    let mut latencies = Vec::new();
    while started.elapsed() < LASTS {
        let batch = (0..records).map(|n| record(latencies.len() + n)).collect();
        let sent = Instant::now();
        log.append(TOPIC, batch).await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

async fn reopen_and_read(dir: &Path) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let log = EmbeddedLog::open(dir, &Config::default())?;
    println!("reopen: {:.2?}", started.elapsed());
    let end = log.bounds(TOPIC, 0).await?.end;
    let mut reader = log.reader(TOPIC).await?;
    reader.assign(&Positions::from_iter([(0, 0)])).await?;
    let (started, mut next, mut bytes) = (Instant::now(), 0, 0);
    while next < end {
        for record in reader.next(READ_BYTES).await? {
            next = record.offset + 1;
            bytes += record.payload.len();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let (rate, volume) = (next as f64 / seconds, bytes as f64 / 1e6 / seconds);
    println!("sequential read of {next} records: {rate:.0} records/s, {volume:.0} MB/s");
    Ok(())
}
