//! The geo databases of a running server: read, watched, and fetched from their makers where that is configured.

use anyhow::Context;
use geodata::refresh::Watcher;
use geodata::update::{self, Updater};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// What keeps the databases in use new.
pub struct Geo {
    pub watcher: Watcher,
    updater: Option<Updater>,
}

impl Geo {
    /// Reads what is there of all configured databases.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let updater = Updater::new(&config.geo, &config.data).context("the geo databases' updater")?;
        let (files, refresh) = (config.geo.all_files(&config.data), config.geo.refresh.clone());
        let opened = spawn_blocking(move || Watcher::open(&files, refresh)).await;
        Ok(Self { watcher: opened.context("failed to read the geo databases")?, updater })
    }

    /// None at all, for a process that looks no address up.
    pub fn none() -> Self {
        Self { watcher: Watcher::open(&[], Default::default()), updater: None }
    }

    /// Fetches and takes up newer databases until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let updates = async {
            if let Some(updater) = self.updater {
                update::run(updater, shutdown.clone()).await;
            }
        };
        tokio::join!(self.watcher.run(shutdown.clone()), updates);
    }
}
