//! Limit, and count: reads what a topic holds, with as little as possible done to each record.
//!
//! usage: consume BROKERS TOPIC none|json
//!
//! `json` also reads the seven texts of each record, borrowed. Records of aborted transactions are not read.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bench_tools::kafka::consumer;
use bench_tools::samples::print;
use bench_tools::view::View;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde::Serialize;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WAIT: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Consumed {
    events: u64,
    seconds: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [brokers, topic, parse] = &arguments[..] else { bail!("usage: consume BROKERS TOPIC none|json") };
    let consumer: BaseConsumer = consumer(brokers).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), WAIT)?;
    let partitions = metadata.topics().first().context("no such topic")?.partitions();
    let mut assignment = TopicPartitionList::new();
    for partition in partitions {
        assignment.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    let started = Instant::now();
    consumer.assign(&assignment)?;
    let events = consume(&consumer, partitions.len(), parse == "json")?;
    print(&Consumed { events, seconds: started.elapsed().as_secs_f64() })
}

/// Reads until every partition has ended; returns the number of records.
fn consume(consumer: &BaseConsumer, partitions: usize, parse: bool) -> anyhow::Result<u64> {
    let (mut events, mut ended) = (0, 0);
    while ended < partitions {
        match consumer.poll(WAIT).context("the broker is silent")? {
            Ok(message) => {
                let payload = message.payload().unwrap_or_default();
                if parse {
                    black_box(serde_json::from_slice::<View>(payload)?);
                } else {
                    black_box(payload.len());
                }
                events += 1;
            }
            Err(KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(events)
}
