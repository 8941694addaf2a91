//! The Postgres sink on a real server.

use std::sync::Arc;

use async_trait::async_trait;
use event::EventId;
use pipeline::Sink;
use sinks::postgres::{Config, PostgresSink};

use crate::SinkUnderTest;
use crate::postgres_server::{PostgresServer, connect};

pub struct Database {
    url: String,
    _server: Arc<PostgresServer>,
}

pub async fn start() -> Database {
    let server = PostgresServer::shared();
    Database { url: server.database().await, _server: server }
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
