//! The Iceberg sink on local files, seen through DuckDB.

use std::path::Path;

use async_trait::async_trait;
use event::EventId;
use pipeline::Sink;
use sinks::iceberg::{Config, IcebergSink};
use tempfile::TempDir;

use crate::contract::SinkUnderTest;

pub struct Lake(TempDir);

pub async fn start() -> Lake {
    Lake(tempfile::tempdir().unwrap())
}

#[async_trait]
impl SinkUnderTest for Lake {
    async fn sink(&self) -> Box<dyn Sink> {
        Box::new(IcebergSink::new(self.0.path(), &Config::default()))
    }

    async fn event_ids(&self) -> Vec<EventId> {
        let folder = self.0.path().to_owned();
        let ids = tokio::task::spawn_blocking(move || ids_seen_by_duckdb(&folder)).await.unwrap();
        ids.iter().map(|id| EventId::parse(id).unwrap()).collect()
    }
}

fn ids_seen_by_duckdb(folder: &Path) -> Vec<String> {
    serde_json::from_value(testkit::readers::read("duckdb", folder, "ids")).unwrap()
}
