//! Updates sources when it is wanted, and remembers what became of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use metrics::{counter, gauge};

use super::attempt::Attempt;
use super::config::ConfigError;
use super::error::UpdateError;
use super::http::{Http, Progress};
use super::install::Leftovers;
use super::outcome::{Outcome, Urgency};
use super::schedule;
use super::source::Source;
use super::state::{LockedState, State};
use crate::metrics::{GEO_UPDATE_SUCCESS, GEO_UPDATES};
use crate::{Config, refresh};

type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Updates the configured sources.
#[derive(Clone)]
pub struct Updater {
    sources: Vec<Source>,
    folder: PathBuf,
    pub(super) http: Http,
    pub(super) max_bytes: u64,
    pub(super) refresh: refresh::Config,
    clock: Clock,
}

/// Why there is no updater.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// What is configured cannot work.
    #[error("geo.update")]
    Config(#[from] ConfigError),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] UpdateError),
}

impl Updater {
    /// An updater of everything that is configured, with the folder of all state; `None` when nothing is.
    ///
    /// # Errors
    /// When the configuration cannot work, or the system has no certificates to check servers by.
    pub fn new(config: &Config, data: &Path) -> Result<Option<Self>, StartError> {
        let update = &config.update;
        let sources = update.sources(data)?;
        if sources.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            sources,
            folder: update.folder(data),
            http: Http::new(update)?,
            max_bytes: update.max_bytes,
            refresh: config.refresh.clone(),
            clock: Arc::new(Utc::now),
        }))
    }

    /// The same with another idea of what time it is.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// All sources, in the order in which their databases are used.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What is remembered of earlier updates.
    ///
    /// # Errors
    /// `Disk`.
    pub fn state(&self) -> Result<State, UpdateError> {
        State::load(&self.folder)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Updates one of the sources. Any failure leaves the database that was in place.
    ///
    /// # Errors
    /// Why it was not updated.
    pub async fn update_once(
        &self,
        source: &Source,
        urgency: Urgency,
        progress: Progress<'_>,
    ) -> Result<Outcome, UpdateError> {
        let mut state = LockedState::open(&self.folder)?;
        let due =
            state.state.next_check(source, self.now()).filter(|due| urgency == Urgency::WhenDue && *due > self.now());
        if let Some(until) = due {
            return Ok(Outcome::NotDue { until });
        }
        // Nobody is asked whose answer could not be remembered.
        state.save()?;
        let leftovers = Leftovers::of(&source.file);
        let result = match leftovers.remove() {
            Ok(()) => Attempt { updater: self, source, state: &mut state, progress }.run(urgency).await,
            Err(error) => Err(error),
        };
        self.note(source, &result, &mut state);
        let tidied = leftovers.remove().and(state.save());
        if let Err(error) = tidied {
            tracing::warn!(source = source.name, %error, "the record of this update cannot be kept");
        }
        result
    }

    /// Remembers, and counts, what became of an update.
    fn note(&self, source: &Source, result: &Result<Outcome, UpdateError>, state: &mut LockedState) {
        let now = self.now();
        let random = rand::random::<f64>();
        let record = state.record(source);
        let outcome = match result {
            Ok(outcome) => {
                record.last_check = Some(now);
                record.next_check = Some(schedule::after_success(now, source.interval, random));
                (record.failures, record.last_error) = (0, None);
                gauge!(GEO_UPDATE_SUCCESS, "source" => source.name.clone()).set(now.timestamp() as f64);
                match outcome {
                    Outcome::Updated { .. } => {
                        record.last_update = Some(now);
                        "updated"
                    }
                    _ => "unchanged",
                }
            }
            Err(error) => {
                record.failures = record.failures.saturating_add(1);
                record.last_error = Some(error.told());
                let next = schedule::after_failure(now, source.interval, record.failures, error.retry(), random);
                record.next_check = Some(next);
                error.reason()
            }
        };
        counter!(GEO_UPDATES, "source" => source.name.clone(), "outcome" => outcome).increment(1);
    }
}
