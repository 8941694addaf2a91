//! The memory sink.

use async_trait::async_trait;
use event::EventId;
use pipeline::Sink;
use sinks::memory::MemoryStore;

use crate::contract::SinkUnderTest;

pub async fn start() -> MemoryStore {
    MemoryStore::default()
}

#[async_trait]
impl SinkUnderTest for MemoryStore {
    async fn sink(&self) -> Box<dyn Sink> {
        Box::new(MemoryStore::sink(self))
    }

    async fn event_ids(&self) -> Vec<EventId> {
        self.events().iter().map(|event| event.event.id).collect()
    }
}
