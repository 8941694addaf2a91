//! Watches the configured files and puts what is newer and sound in use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::slot::{Patience, Slot};
use super::{Config, Status};
use crate::{GeoDatabase, LiveDatabase};

/// Looks at the configured files again and again.
pub struct Watcher {
    live: Arc<LiveDatabase>,
    slots: Vec<Slot>,
    config: Config,
    status: Status,
}

impl Watcher {
    /// Reads the files; blocks meanwhile. One that is missing or refused is taken up when it has changed.
    pub fn open(files: &[PathBuf], config: Config) -> Self {
        let slots = files.iter().cloned().map(Slot::new).collect();
        let mut watcher = Self { live: Arc::default(), slots, config, status: Status::default() };
        watcher.look_at_all(Patience::None);
        watcher
    }

    /// The database in use.
    pub fn live(&self) -> Arc<LiveDatabase> {
        self.live.clone()
    }

    /// How the files stand, from now on.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// Looks at the files until `shutdown`, on threads where blocking is allowed.
    pub async fn run(mut self, shutdown: CancellationToken) {
        if self.config.check_interval_ms == 0 || self.slots.is_empty() {
            return shutdown.cancelled().await;
        }
        let mut ticks = interval(Duration::from_millis(self.config.check_interval_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let looked = spawn_blocking(move || {
                self.look();
                self
            });
            self = match looked.await {
                Ok(watcher) => watcher,
                Err(error) => {
                    tracing::error!(%error, "geo database files are not watched any more; restart to take newer ones up");
                    return shutdown.cancelled().await;
                }
            };
        }
    }

    /// Looks at each file once, and reads those that changed and were the same at the look before. Blocks meanwhile.
    pub fn look(&mut self) {
        self.look_at_all(Patience::Settled);
    }

    fn look_at_all(&mut self, patience: Patience) {
        let (live, config) = (&self.live, &self.config);
        let looked = self.slots.iter_mut().map(|slot| slot.look(live, config, patience));
        if looked.fold(false, |changed, slot_changed| changed | slot_changed) {
            let files = self.slots.iter().filter_map(Slot::in_use).cloned().collect();
            self.live.replace(GeoDatabase::new(files));
        }
        self.slots.iter().for_each(Slot::measure);
        self.status.set(self.slots.iter().map(Slot::status).collect());
    }
}
