//! What is remembered of updates, in a file beside the databases.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::UpdateError;
use super::http::Validators;
use super::install;
use super::schedule;
use super::source::Source;

const STATE_FILE: &str = "updates.json";
const LOCK_FILE: &str = "updates.lock";

/// What is remembered of every source, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By [`Source::name`].
    pub sources: BTreeMap<String, Record>,
}

/// What is remembered of one source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The vendor's name for the version in place.
    pub edition: Option<String>,
    /// MD5 checksum of the file that was put in place, in hexadecimal.
    pub md5: Option<String>,
    /// What the server said of it.
    #[serde(flatten)]
    pub validators: Validators,
    /// When the vendor last answered whether there is something newer.
    pub last_check: Option<DateTime<Utc>>,
    /// When a newer file was last put in place.
    pub last_update: Option<DateTime<Utc>>,
    /// When to look again.
    pub next_check: Option<DateTime<Utc>>,
    /// Failures since the last success.
    pub failures: u32,
    /// The last of them.
    pub last_error: Option<String>,
    /// Downloads begun within the last 24 hours.
    pub downloads: Vec<DateTime<Utc>>,
}

impl State {
    /// What is remembered in a folder; nothing when there is no file, or one that cannot be understood.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn load(folder: &Path) -> Result<Self, UpdateError> {
        let file = folder.join(STATE_FILE);
        match fs::read(&file) {
            Ok(json) => Ok(serde_json::from_slice(&json).unwrap_or_else(|error| {
                tracing::warn!(file = %file.display(), %error, "the record of updates is damaged; beginning a new one");
                Self::default()
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(UpdateError::Disk(error)),
        }
    }

    /// When to look again for a source; `None` at once.
    pub(super) fn next_check(&self, source: &Source, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let record = self.sources.get(&source.name)?;
        let next = record.next_check.filter(|next| schedule::is_credible(*next, source.interval, now));
        // A database that somebody removed is wanted back at once, unless the last try failed.
        next.filter(|_| record.failures > 0 || source.file.exists())
    }
}

/// The state of a folder while nobody else may write in it.
pub(super) struct LockedState {
    folder: PathBuf,
    pub state: State,
    /// Unlocks when it is closed.
    _lock: File,
}

impl LockedState {
    /// Locks the folder, which is made if need be.
    ///
    /// # Errors
    /// `Busy` when another process has it locked.
    pub fn open(folder: &Path) -> Result<Self, UpdateError> {
        fs::create_dir_all(folder).map_err(UpdateError::Disk)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK_FILE));
        let lock = lock.map_err(UpdateError::Disk)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => UpdateError::Busy,
            TryLockError::Error(error) => UpdateError::Disk(error),
        })?;
        Ok(Self { folder: folder.to_owned(), state: State::load(folder)?, _lock: lock })
    }

    pub fn record(&mut self, source: &Source) -> &mut Record {
        self.state.sources.entry(source.name.clone()).or_default()
    }

    /// Counts a download before it begins, on disk, so that not even a crash lets one be forgotten.
    ///
    /// # Errors
    /// `OwnQuota` when the quota is used up; `Disk`.
    pub fn begin_download(&mut self, source: &Source, now: DateTime<Utc>) -> Result<(), UpdateError> {
        let sharing = self.state.sources.iter().filter(|(name, _)| name.starts_with(&source.quota.scope));
        let downloads: Vec<_> = sharing.flat_map(|(_, record)| record.downloads.iter().copied()).collect();
        let per_day = source.quota.per_day;
        if let Some(until) = schedule::quota_until(&downloads, per_day, now) {
            return Err(UpdateError::OwnQuota { per_day, until });
        }
        let downloads = &mut self.record(source).downloads;
        downloads.retain(|time| schedule::counts(*time, now));
        downloads.push(now);
        self.save()
    }

    /// Takes back what [`LockedState::begin_download`] counted, because the server had nothing to send.
    pub fn forget_download(&mut self, source: &Source) {
        self.record(source).downloads.pop();
    }

    /// Replaces the file, atomically and durably.
    pub fn save(&self) -> Result<(), UpdateError> {
        self.write().map_err(UpdateError::Disk)
    }

    fn write(&self) -> io::Result<()> {
        let file = self.folder.join(STATE_FILE);
        let unfinished = file.with_extension("json.new");
        let mut json = serde_json::to_vec_pretty(&self.state)?;
        json.push(b'\n');
        File::create(&unfinished)?.write_all(&json)?;
        install::put(&unfinished, &file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::{Config, DbIpConfig};

    fn source(folder: &Path, per_day: u32) -> Source {
        let editions = vec!["city-lite".to_owned()];
        let dbip = DbIpConfig { editions, max_downloads_per_day: per_day, ..DbIpConfig::default() };
        Config { dbip, ..Config::default() }.sources(folder).unwrap().remove(0)
    }

    #[test]
    fn a_download_counts_over_restarts_and_is_forgotten_after_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(dir.path(), 2);
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
        let begin = |now| LockedState::open(dir.path()).unwrap().begin_download(&source, now);
        begin(now).unwrap();
        begin(now).unwrap();
        assert!(matches!(begin(now), Err(UpdateError::OwnQuota { per_day: 2, .. })));
        let tomorrow = now + chrono::TimeDelta::hours(24);
        begin(tomorrow).unwrap();
        assert_eq!(State::load(dir.path()).unwrap().sources["dbip/city-lite"].downloads, [tomorrow]);
    }

    #[test]
    fn a_folder_is_updated_by_one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = LockedState::open(dir.path()).unwrap();
        assert!(matches!(LockedState::open(dir.path()), Err(UpdateError::Busy)));
        drop(held);
        LockedState::open(dir.path()).unwrap();
    }

    #[test]
    fn a_damaged_state_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(STATE_FILE), "{\"sources\": {\"a\"").unwrap();
        let mut locked = LockedState::open(dir.path()).unwrap();
        assert_eq!(locked.state, State::default());
        locked.record(&source(dir.path(), 1)).failures = 3;
        locked.save().unwrap();
        assert_eq!(State::load(dir.path()).unwrap().sources["dbip/city-lite"].failures, 3);
    }

    #[test]
    fn a_database_that_is_gone_is_wanted_at_once_unless_fetching_it_failed() {
        let dir = tempfile::tempdir().unwrap();
        let source = source(dir.path(), 1);
        let now = DateTime::UNIX_EPOCH;
        let later = Some(now + chrono::TimeDelta::hours(1));
        let next = |failures| {
            let record = Record { next_check: later, failures, ..Record::default() };
            State { sources: [(source.name.clone(), record)].into() }.next_check(&source, now)
        };
        assert_eq!((next(0), next(1)), (None, later));
        fs::create_dir_all(source.file.parent().unwrap()).unwrap();
        fs::write(&source.file, "here").unwrap();
        assert_eq!(next(0), later);
    }
}
