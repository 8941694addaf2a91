//! One configured path: the file in use that was read from it, and what is at it now.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::Timestamp;
use metrics::{counter, gauge};

use super::identity::{Content, Identity};
use super::status::{LastRefusal, age_seconds};
use super::{Config, DatabaseStatus, OnDisk, Refusal, examine};
use crate::metrics::{GEO_AGE_SECONDS, GEO_LOADED_SECONDS, GEO_REFRESHES, GEO_REFUSALS, label};
use crate::{DatabaseFile, LiveDatabase};

/// Refused contents that are remembered as logged.
const MOST_LOGGED: usize = 1_024;

/// What is watched at one path.
pub(crate) struct Slot {
    path: PathBuf,
    label: String,
    in_use: Option<InUse>,
    /// At the last look.
    seen: Option<Identity>,
    read: Option<Reading>,
    refused: Option<Refused>,
    logged: BTreeSet<Content>,
    is_missing: bool,
    status: DatabaseStatus,
}

struct InUse {
    file: Arc<DatabaseFile>,
    content: Content,
    since: Instant,
}

/// The last time that the file was read.
struct Reading {
    identity: Identity,
    at: Instant,
    was_racy: bool,
}

/// What was refused; the same again is no news.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    Content(Content),
    /// It could not be read; by its reason.
    Unread(&'static str),
}

/// When a changed file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// At once.
    None,
    /// When it was the same at two looks.
    Settled,
}

impl Slot {
    pub fn new(path: PathBuf) -> Self {
        let label = label(&path);
        let status = DatabaseStatus { path: path.display().to_string(), ..DatabaseStatus::default() };
        Self {
            path,
            label,
            in_use: None,
            seen: None,
            read: None,
            refused: None,
            logged: BTreeSet::new(),
            is_missing: false,
            status,
        }
    }

    pub fn in_use(&self) -> Option<&Arc<DatabaseFile>> {
        self.in_use.as_ref().map(|in_use| &in_use.file)
    }

    pub fn status(&self) -> DatabaseStatus {
        self.status.clone()
    }

    /// Looks at the path; true when what is in use has changed.
    pub fn look(&mut self, live: &LiveDatabase, config: &Config, patience: Patience) -> bool {
        let identity = match Identity::of(&self.path) {
            Ok(identity) => identity,
            Err(error) => {
                self.miss(error);
                return false;
            }
        };
        self.is_missing = false;
        let is_settled = self.seen.replace(identity) == Some(identity) || patience == Patience::None;
        if !self.is_due(identity, config) {
            return false;
        }
        if !is_settled {
            self.status.on_disk = OnDisk::Changing;
            return false;
        }
        self.read(identity, live, config)
    }

    fn is_due(&self, identity: Identity, config: &Config) -> bool {
        let interval = Duration::from_millis(config.content_check_interval_ms);
        let is_old = |read: &Reading| read.identity != identity || read.was_racy || read.at.elapsed() >= interval;
        self.read.as_ref().is_none_or(is_old)
    }

    /// Nothing is there, which is no refusal: it may be on its way. Something that is no file is one.
    fn miss(&mut self, error: io::Error) {
        (self.seen, self.read) = (None, None);
        if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            let refusal = Refusal::Unreadable(error);
            return self.refuse(Refused::Unread(refusal.reason()), &refusal);
        }
        if !std::mem::replace(&mut self.is_missing, true) {
            let (path, in_use) = (self.path.display(), self.status.name.as_deref().unwrap_or("nothing"));
            tracing::warn!(%path, in_use, "a geo database file is missing; what is in use stays until there is one");
        }
        self.status.on_disk = OnDisk::Missing;
    }

    /// Reads the file and takes its content if it is new and sound.
    fn read(&mut self, identity: Identity, live: &LiveDatabase, config: &Config) -> bool {
        let was_racy = identity.is_racy();
        let bytes = match self.bytes(identity, config) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.seen = None;
                self.status.on_disk = OnDisk::Changing;
                return false;
            }
            Err(refusal) => {
                self.read = Some(Reading { identity, at: Instant::now(), was_racy: false });
                self.refuse(Refused::Unread(refusal.reason()), &refusal);
                return false;
            }
        };
        self.read = Some(Reading { identity, at: Instant::now(), was_racy });
        let content = Content::of(&bytes);
        if self.in_use.as_ref().is_some_and(|in_use| in_use.content == content) {
            self.refused = None;
            self.status.on_disk = OnDisk::InUse;
            return false;
        }
        match examine(&self.path, bytes, self.in_use().map(|file| &**file), live.recent(), config) {
            Ok(file) => {
                self.take(file, content);
                true
            }
            Err(refusal) => {
                self.refuse(Refused::Content(content), &refusal);
                false
            }
        }
    }

    fn bytes(&self, identity: Identity, config: &Config) -> Result<Option<Vec<u8>>, Refusal> {
        if identity.bytes() > config.max_file_bytes {
            return Err(Refusal::TooLarge { bytes: identity.bytes() });
        }
        identity.read(&self.path).map_err(Refusal::Unreadable)
    }

    fn take(&mut self, file: DatabaseFile, content: Content) {
        tracing::info!(database = &**file.name(), bytes = file.size_bytes(), "geo database in use");
        if self.in_use.is_some() {
            self.status.refreshes += 1;
            counter!(GEO_REFRESHES, "database" => self.label.clone()).increment(1);
        }
        self.refused = None;
        self.status.on_disk = OnDisk::InUse;
        self.status.name = Some(file.name().to_string());
        self.status.built = file.built();
        self.status.size_bytes = Some(file.size_bytes());
        self.status.loaded_at = Some(Timestamp::now().to_string());
        self.in_use = Some(InUse { file: Arc::new(file), content, since: Instant::now() });
    }

    /// Keeps what is in use. The same content again is not counted again, and never logged again.
    fn refuse(&mut self, what: Refused, refusal: &Refusal) {
        self.status.on_disk = OnDisk::Refused;
        if self.refused.replace(what) == Some(what) {
            return;
        }
        let (reason, error) = (refusal.reason(), refusal.told());
        self.status.refusals += 1;
        counter!(GEO_REFUSALS, "database" => self.label.clone(), "reason" => reason).increment(1);
        if self.is_news(what) {
            let (path, in_use) = (self.path.display(), self.status.name.as_deref().unwrap_or("nothing"));
            tracing::warn!(%path, reason, error, in_use, "a geo database file was refused; what is in use stays");
        }
        self.status.last_refusal = Some(LastRefusal { reason, error, at: Timestamp::now().to_string() });
    }

    fn is_news(&mut self, what: Refused) -> bool {
        if self.logged.len() >= MOST_LOGGED {
            self.logged.clear();
        }
        match what {
            Refused::Content(content) => self.logged.insert(content),
            Refused::Unread(_) => true,
        }
    }

    /// Tells the metrics how old what is in use is.
    pub fn measure(&self) {
        let Some(in_use) = &self.in_use else { return };
        gauge!(GEO_LOADED_SECONDS, "database" => self.label.clone()).set(in_use.since.elapsed().as_secs_f64());
        if let Some(built) = in_use.file.built() {
            gauge!(GEO_AGE_SECONDS, "database" => self.label.clone()).set(age_seconds(built) as f64);
        }
    }
}
