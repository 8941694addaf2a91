//! One update of one source, from the question whether there is something newer to the file in its place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use metrics::{counter, gauge};
use tokio::task::spawn_blocking;

use super::config::ConfigError;
use super::error::UpdateError;
use super::http::{Downloaded, Http, Progress, Validators};
use super::install::{self, Leftovers};
use super::source::Source;
use super::state::{LockedState, State};
use super::vendor::{Download, Installed};
use super::{schedule, unpack};
use crate::metrics::{GEO_UPDATE_SUCCESS, GEO_UPDATES};
use crate::{Config, refresh};

/// Bytes of a download that tell an answer in words from a database.
const JUDGED_BYTES: usize = 512;

type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// How much an update is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// When it is time to look again.
    WhenDue,
    /// Now, if the vendor has something newer.
    Now,
    /// Now, even what seems to be in place already.
    Afresh,
}

/// What became of an update that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A newer database is in place.
    Updated {
        /// `name@build-date` of it.
        database: String,
        /// Size of the file.
        bytes: u64,
    },
    /// The one in place is the newest.
    Unchanged,
    /// Nobody was asked.
    NotDue {
        /// When it will be time.
        until: DateTime<Utc>,
    },
}

/// Updates the configured sources.
#[derive(Clone)]
pub struct Updater {
    sources: Vec<Source>,
    folder: PathBuf,
    http: Http,
    max_bytes: u64,
    refresh: refresh::Config,
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
            Ok(()) => self.attempt(source, urgency, &mut state, &leftovers, progress).await,
            Err(error) => Err(error),
        };
        self.note(source, &result, &mut state);
        let tidied = leftovers.remove().and(state.save());
        if let Err(error) = tidied {
            tracing::warn!(source = source.name, %error, "the record of this update cannot be kept");
        }
        result
    }

    async fn attempt(
        &self,
        source: &Source,
        urgency: Urgency,
        state: &mut LockedState,
        leftovers: &Leftovers,
        progress: Progress<'_>,
    ) -> Result<Outcome, UpdateError> {
        let in_place = installed(source, state).await?;
        let known = in_place.as_ref().filter(|_| urgency != Urgency::Afresh);
        let downloads = source.vendor.downloads(&self.http, known, self.now().date_naive()).await?;
        let mut missing = None;
        for download in downloads {
            state.begin_download(source, self.now())?;
            match self.http.save(&download, &leftovers.download, progress).await {
                Ok(Downloaded::Saved(validators)) => {
                    return self.install(source, &download, validators, in_place.as_ref(), state).await;
                }
                Ok(Downloaded::Unchanged) => {
                    state.forget_download(source);
                    return Ok(Outcome::Unchanged);
                }
                Err(UpdateError::NotFound) => {
                    state.forget_download(source);
                    missing = Some(UpdateError::NotFound);
                }
                Err(error) => return Err(error),
            }
        }
        let is_early = known.is_some_and(|known| source.vendor.is_early(known, self.now().date_naive()));
        missing.filter(|_| !is_early).map_or(Ok(Outcome::Unchanged), Err)
    }

    /// Puts the database in place that was downloaded, if it is sound and another one than that in place.
    async fn install(
        &self,
        source: &Source,
        download: &Download,
        validators: Validators,
        in_place: Option<&Installed>,
        state: &mut LockedState,
    ) -> Result<Outcome, UpdateError> {
        let (target, vendor, expected) = (source.file.clone(), source.vendor.clone(), download.md5.clone());
        let (max_bytes, refresh) = (self.max_bytes, self.refresh.clone());
        let held = in_place.map(|installed| installed.md5.clone());
        let (md5, outcome) = blocking(move || {
            let Leftovers { download, database } = Leftovers::of(&target);
            let first = unpack::first_bytes(&download, JUDGED_BYTES).map_err(UpdateError::Disk)?;
            if let Some(refusal) = vendor.refusal(&first) {
                return Err(refusal);
            }
            unpack::unpack(&download, &database, max_bytes)?;
            let md5 = install::checksum(&database)?.unwrap_or_default();
            if let Some(expected) = expected.filter(|expected| !expected.eq_ignore_ascii_case(&md5)) {
                return Err(UpdateError::Checksum { expected, found: md5 });
            }
            if held.is_some_and(|held| held == md5) {
                return Ok((md5, Outcome::Unchanged));
            }
            let checked = install::check(&database, &target, &refresh)?;
            install::put(&database, &target).map_err(UpdateError::Disk)?;
            let (database, bytes) = (checked.name().to_string(), checked.size_bytes());
            Ok((md5, Outcome::Updated { database, bytes }))
        })
        .await?;
        let record = state.record(source);
        record.md5 = Some(md5);
        record.edition = download.edition.clone();
        record.validators = validators;
        Ok(outcome)
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

/// The database in place, and what is remembered of it if it is still the one that was fetched.
async fn installed(source: &Source, state: &mut LockedState) -> Result<Option<Installed>, UpdateError> {
    let file = source.file.clone();
    let Some(md5) = blocking(move || install::checksum(&file)).await? else { return Ok(None) };
    let record = state.record(source);
    let (edition, validators) = match record.md5.as_ref() == Some(&md5) {
        true => (record.edition.clone(), record.validators.clone()),
        false => Default::default(),
    };
    Ok(Some(Installed { md5, edition, validators }))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, UpdateError> + Send + 'static,
) -> Result<T, UpdateError> {
    spawn_blocking(work).await.map_err(|error| UpdateError::Disk(std::io::Error::other(error)))?
}
