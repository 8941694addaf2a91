//! The Postgres sink on a real server.

use async_trait::async_trait;
use event::EventId;
use pipeline::Sink;
use sinks::postgres::{Config, PostgresSink};

use crate::contract::SinkUnderTest;
use testkit::services::postgres::{connect, new_database};

pub struct Database {
    url: String,
}

pub async fn start() -> Database {
    Database { url: new_database().await }
}

#[async_trait]
impl SinkUnderTest for Database {
    async fn sink(&self) -> Box<dyn Sink> {
        let config = Config { url: Some(self.url.as_str().into()), ..Config::default() };
        Box::new(PostgresSink::new(&config, "web").unwrap())
    }

    async fn event_ids(&self) -> Vec<EventId> {
        let rows = connect(&self.url).await.query("SELECT event_id::text FROM processed_events", &[]).await.unwrap();
        rows.iter().map(|row| EventId::parse(row.get(0)).unwrap()).collect()
    }
}
