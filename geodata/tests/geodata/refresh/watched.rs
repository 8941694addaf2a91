//! Watched files in a folder of their own, and what is told of them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use geodata::refresh::{Config, DatabaseStatus, Watcher};
use geodata::{GeoDatabase, Locator};
use metrics_exporter_prometheus::PrometheusBuilder;
use tempfile::TempDir;

pub struct Watched {
    pub folder: TempDir,
    pub watcher: Watcher,
}

impl Watched {
    /// Watches `geo.mmdb` in a new folder, with this content at the start.
    pub fn with(content: Vec<u8>) -> Self {
        Self::configured(content, Config::default())
    }

    pub fn configured(content: Vec<u8>, config: Config) -> Self {
        Self::new(config, |folder| fs::write(folder.join("geo.mmdb"), content).unwrap())
    }

    /// Watches `geo.mmdb` in a new folder that is prepared first.
    pub fn new(config: Config, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let watcher = Watcher::open(&[folder.path().join("geo.mmdb")], config);
        Self { folder, watcher }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("geo.mmdb")
    }

    /// Puts a file with this content in the place of the one that is there, as `mv` does.
    pub fn rename_over(&self, content: &[u8]) {
        let new = self.folder.path().join("new");
        fs::write(&new, content).unwrap();
        fs::rename(new, self.path()).unwrap();
    }

    /// Looks as often as it takes to read a file that has changed.
    pub fn settle(&mut self) {
        self.watcher.look();
        self.watcher.look();
    }

    pub fn database(&self) -> Arc<GeoDatabase> {
        self.watcher.live().current()
    }

    /// The name of the one database in use; empty when there is none.
    pub fn name(&self) -> String {
        self.database().names().collect::<Vec<_>>().join(",")
    }

    pub fn status(&self) -> DatabaseStatus {
        self.watcher.status().databases().remove(0)
    }

    /// Looks addresses up as a batch of events does.
    pub fn visit(&self, addresses: &[&str]) {
        for address in addresses {
            let mut locator = Locator::new(self.watcher.live());
            assert!(locator.locate(Some(address)).place.country.is_some(), "{address}");
            locator.refresh();
        }
    }
}

/// What was logged, and the metrics as they are shown, while something was done.
pub struct Told {
    pub log: String,
    pub metrics: String,
}

/// Does something and keeps what it tells. The lines of the log have no times.
pub fn listen<T>(act: impl FnOnce() -> T) -> (T, Told) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().without_time().with_ansi(false).with_writer(move || writer.clone());
    let recorder = PrometheusBuilder::new().build_recorder();
    let done = tracing::subscriber::with_default(subscriber.finish(), || metrics::with_local_recorder(&recorder, act));
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (done, Told { log, metrics: recorder.handle().render() })
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
