//! What is wanted of an update, and what became of it.

use chrono::{DateTime, Utc};

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
