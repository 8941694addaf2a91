//! Writes page views to a file, one a line, or to a Kafka topic.
//!
//! usage: page_views file PATH COUNT DAYS
//!        page_views topic BROKERS TOPIC PARTITIONS COUNT DAYS
//!
//! `WEBLOG` names a web server's log whose lines are used instead of made-up ones.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use bench_tools::kafka::bulk_producer;
use bench_tools::page_views::{PageViews, Source};
use bench_tools::samples::print;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde::Serialize;

#[derive(Serialize)]
struct Written {
    events: u64,
    bytes: u64,
    mean_bytes: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["file", path, count, days] => to_file(path, &page_views(count, days)?),
        ["topic", brokers, topic, partitions, count, days] => {
            to_topic(brokers, topic, partitions.parse()?, &page_views(count, days)?)
        }
        _ => bail!("usage: page_views file PATH COUNT DAYS | topic BROKERS TOPIC PARTITIONS COUNT DAYS"),
    }
}

fn page_views(count: &str, days: &str) -> anyhow::Result<PageViews> {
    let weblog = std::env::var_os("WEBLOG").map(PathBuf::from);
    Ok(PageViews::new(Source::open(weblog.as_deref())?, count.parse()?, days.parse()?))
}

fn written(events: u64, bytes: u64) -> anyhow::Result<()> {
    print(&Written { events, bytes, mean_bytes: bytes as f64 / events.max(1) as f64 })
}

fn to_file(path: &str, views: &PageViews) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path).with_context(|| format!("failed to create {path}"))?);
    let (mut text, mut bytes) = (Vec::new(), 0);
    for number in 0..views.count() {
        views.write(number, &mut text)?;
        bytes += text.len() as u64;
        file.write_all(&text)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    written(views.count(), bytes)
}

fn to_topic(brokers: &str, topic: &str, partitions: u64, views: &PageViews) -> anyhow::Result<()> {
    let producer: BaseProducer = bulk_producer(brokers).create()?;
    let (mut text, mut bytes) = (Vec::new(), 0);
    for number in 0..views.count() {
        views.write(number, &mut text)?;
        bytes += text.len() as u64;
        send(&producer, topic, (number % partitions) as i32, &text)?;
        if number % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(60))?;
    written(views.count(), bytes)
}

/// Waits while the queue is full.
fn send(producer: &BaseProducer, topic: &str, partition: i32, payload: &[u8]) -> anyhow::Result<()> {
    loop {
        match producer.send(BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(payload)) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(20));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
