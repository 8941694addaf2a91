//! A data folder with one configured source, and an updater that is made anew for each update, as after a restart.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use geodata::Config;
use geodata::update::{self, Outcome, Record, Source, State, UpdateError, Updater, Urgency};
use tempfile::TempDir;

/// A secret that nothing may repeat.
pub const SECRET: &str = "hunter2-hunter2";

pub struct Desk {
    dir: TempDir,
    config: Config,
    now: Arc<AtomicI64>,
}

impl Desk {
    /// One source, on 15 November 2026.
    pub fn new(update: update::Config) -> Self {
        let now = DateTime::parse_from_rfc3339("2026-11-15T12:00:00Z").unwrap().timestamp();
        let config = Config { update, ..Config::default() };
        Self { dir: tempfile::tempdir().unwrap(), config, now: Arc::new(now.into()) }
    }

    pub fn updater(&self) -> Updater {
        let now = self.now.clone();
        let updater = Updater::new(&self.config, self.dir.path()).unwrap().unwrap();
        updater.with_clock(move || DateTime::<Utc>::from_timestamp(now.load(Ordering::Relaxed), 0).unwrap())
    }

    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.now.load(Ordering::Relaxed), 0).unwrap()
    }

    pub fn wait(&self, time: TimeDelta) {
        self.now.fetch_add(time.num_seconds(), Ordering::Relaxed);
    }

    pub async fn update(&self, urgency: Urgency) -> Result<Outcome, UpdateError> {
        let updater = self.updater();
        let result = updater.update_once(&updater.sources()[0], urgency, &|_, _| {}).await;
        self.nothing_is_left_over();
        self.the_secret_is_nowhere(&result);
        result
    }

    /// Updates now; the word for what became of it.
    pub async fn outcome(&self) -> &'static str {
        word(&self.update(Urgency::Now).await)
    }

    fn source(&self) -> Source {
        self.config.update.sources(self.dir.path()).unwrap().remove(0)
    }

    /// Where the database belongs.
    pub fn file(&self) -> PathBuf {
        self.source().file().to_owned()
    }

    /// The database in place.
    pub fn content(&self) -> Option<Vec<u8>> {
        fs::read(self.file()).ok()
    }

    pub fn put(&self, content: &[u8]) {
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), content).unwrap();
    }

    pub fn record(&self) -> Record {
        let state = State::load(&self.config.update.folder(self.dir.path())).unwrap();
        state.sources[self.source().name()].clone()
    }

    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.file().parent().unwrap()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn nothing_is_left_over(&self) {
        let left = self.files().into_iter().filter(|name| name.starts_with('.') || name.ends_with(".new"));
        assert_eq!(left.collect::<Vec<_>>(), Vec::<String>::new());
    }

    fn the_secret_is_nowhere(&self, result: &Result<Outcome, UpdateError>) {
        let mut told = format!("{result:?} {:?} {:?}", self.config, self.source());
        if let Err(error) = result {
            told += &error.told();
        }
        told += &fs::read_to_string(self.file().with_file_name("updates.json")).unwrap();
        assert!(!told.contains(SECRET), "{told}");
    }
}

pub fn word(result: &Result<Outcome, UpdateError>) -> &'static str {
    match result {
        Ok(Outcome::Updated { .. }) => "updated",
        Ok(Outcome::Unchanged) => "unchanged",
        Ok(Outcome::NotDue { .. }) => "not_due",
        Err(error) => error.reason(),
    }
}
