//! Why a newer database file is not taken.

use std::error::Error;
use std::io;

use chrono::NaiveDate;

use crate::GeoError;

/// Why the file in use, if there is one, stays in use.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The system does not give its content.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// It has more bytes than are read.
    #[error("it has {bytes} bytes, more than geo.refresh.max_file_bytes allows")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// It has no content.
    #[error("it is empty")]
    Empty,
    /// Its content is in none of the formats, or was cut off.
    #[error(transparent)]
    NotADatabase(#[from] GeoError),
    /// It was built on a day that has not come.
    #[error("it was built on {0}, which lies in the future")]
    Future(NaiveDate),
    /// It is much smaller than the one in use.
    #[error("it has {bytes} bytes, the one in use {in_use}; geo.refresh.min_size_percent refuses it")]
    Smaller {
        /// Its size.
        bytes: u64,
        /// Size of the one in use.
        in_use: u64,
    },
    /// It was built before the one in use, or does not tell when.
    #[error("it is {name}, older than {in_use} or without a date; geo.refresh.allow_older would take it")]
    Older {
        /// Its name and build date.
        name: String,
        /// Those of the one in use.
        in_use: String,
    },
    /// A look-up fails.
    #[error("a look-up in it fails")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
    /// Its reader panicked.
    #[error("its reader panicked")]
    Panicked,
    /// It knows less of the probe addresses than the one in use.
    #[error(
        "it knows the {field} of {known} probe addresses, the one in use of {in_use}; geo.refresh.min_known_percent \
         refuses it"
    )]
    KnowsLess {
        /// What it knows less often.
        field: &'static str,
        /// Addresses for which it knows the field.
        known: u64,
        /// Addresses for which the one in use does.
        in_use: u64,
    },
}

impl Refusal {
    /// The reason as a metric's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge { .. } => "too_large",
            Self::Empty => "empty",
            Self::NotADatabase(_) => "not_a_database",
            Self::Future(_) => "future",
            Self::Smaller { .. } => "smaller",
            Self::Older { .. } => "older",
            Self::Damaged(_) | Self::Panicked => "damaged",
            Self::KnowsLess { .. } => "knows_less",
        }
    }

    /// The refusal and its causes on one line.
    pub fn told(&self) -> String {
        let refusal: &dyn Error = self;
        let causes = std::iter::successors(Some(refusal), |error| (*error).source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}
