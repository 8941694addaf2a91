//! The Iceberg sink on local files, seen through DuckDB.

use std::path::{Path, PathBuf};
use std::process::Command;

use async_trait::async_trait;
use event::EventId;
use pipeline::Sink;
use sinks::iceberg::{Config, IcebergSink};
use tempfile::TempDir;

use crate::SinkUnderTest;

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
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = std::env::var_os("PAGEBERG_TEST_PYTHON")
        .map_or_else(|| workspace.join(".cache/venv/bin/python"), PathBuf::from);
    assert!(python.exists(), "{} is missing: run make test-setup", python.display());
    let script = workspace.join("tests/support/readers.py");
    let output = Command::new(python).arg(script).arg("duckdb").arg(folder).arg("ids").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
