//! The downstream topic, on the memory log and on the embedded one.

use std::sync::Arc;

use async_trait::async_trait;
use event::{Draft, EventId, LogPosition, Positions};
use eventlog::EventLog;
use eventlog::embedded::{self, EmbeddedLog};
use eventlog::memory::MemoryLog;
use pipeline::Sink;
use sinks::kafka::{Config, KafkaSink};
use tempfile::TempDir;

use crate::contract::SinkUnderTest;

const OUTPUT: &str = "web.raw_events_kafka";

pub struct Topic {
    log: Arc<dyn EventLog>,
    _folder: Option<TempDir>,
}

pub async fn in_memory() -> Topic {
    Topic { log: MemoryLog::new(3), _folder: None }
}

pub async fn embedded() -> Topic {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), &embedded::Config::default()).unwrap();
    Topic { log, _folder: Some(folder) }
}

#[async_trait]
impl SinkUnderTest for Topic {
    async fn sink(&self) -> Box<dyn Sink> {
        Box::new(KafkaSink::new(self.log.clone(), "web.kafka", OUTPUT, &Config::default()))
    }

    async fn event_ids(&self) -> Vec<EventId> {
        let mut ids = vec![];
        for partition in self.log.partitions(OUTPUT).await.unwrap() {
            let held = self.log.bounds(OUTPUT, partition).await.unwrap();
            let mut reader = self.log.reader(OUTPUT).await.unwrap();
            reader.assign(&Positions::from_iter([(partition, held.start)])).await.unwrap();
            let mut next = held.start;
            while next < held.end {
                for record in reader.next(1_000_000).await.unwrap() {
                    next = record.offset + 1;
                    let position = LogPosition { topic: OUTPUT.into(), partition, offset: record.offset };
                    let event = Draft::parse(&record.payload).unwrap().recorded(record.time, &position).unwrap();
                    ids.push(event.id);
                }
            }
        }
        ids
    }
}
