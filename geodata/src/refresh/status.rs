//! How the watched files stand, for people and machines that watch.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{NaiveDate, NaiveTime};
use event::Timestamp;
use serde::Serialize;

/// What was found at a file's path at the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisk {
    /// Nothing that could be read.
    #[default]
    Missing,
    /// A file that changed since the look before.
    Changing,
    /// The content that is in use.
    InUse,
    /// A content that was refused.
    Refused,
}

/// A refusal as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct LastRefusal {
    /// As the metric's label has it.
    pub reason: &'static str,
    /// Why, in words.
    pub error: String,
    /// When.
    pub at: String,
}

/// One watched file as it is shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DatabaseStatus {
    /// The configured path.
    pub path: String,
    /// `name@build-date` of what is in use; absent when nothing is.
    pub name: Option<String>,
    /// When that was built.
    pub built: Option<NaiveDate>,
    /// Seconds since it was built.
    pub age_seconds: Option<i64>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// When it was taken.
    pub loaded_at: Option<String>,
    /// What is at the path.
    pub on_disk: OnDisk,
    /// How often a newer content was taken since the start of this process.
    pub refreshes: u64,
    /// How many contents were refused since the start of this process.
    pub refusals: u64,
    /// The last one of them.
    pub last_refusal: Option<LastRefusal>,
}

/// Seconds since the beginning of the day on which a database was built.
pub(crate) fn age_seconds(built: NaiveDate) -> i64 {
    Timestamp::now().millis() / 1_000 - built.and_time(NaiveTime::MIN).and_utc().timestamp()
}

/// The status of all watched files, written by the watcher and read by anybody.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<Vec<DatabaseStatus>>>);

impl Status {
    /// Every watched file as it stands now, in the configured order.
    pub fn databases(&self) -> Vec<DatabaseStatus> {
        let mut databases = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for database in &mut databases {
            database.age_seconds = database.built.map(age_seconds);
        }
        databases
    }

    pub(crate) fn set(&self, databases: Vec<DatabaseStatus>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = databases;
    }
}
