//! Why a database was not updated, when to try again, and what somebody can do about it.

use std::io;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::refresh::Refusal;

/// Why a database was not updated. The one in place stays. No variant holds a key, a token or an address.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// 401, or IP2Location's words for it.
    #[error("the vendor does not know these credentials")]
    Credentials,
    /// 402, 403 or 451, or IP2Location's words for it.
    #[error("the account may not download this database")]
    Forbidden,
    /// 404, or a name that the vendor does not list.
    #[error("the vendor has no such database")]
    NotFound,
    /// 429, or IP2Location's words for it.
    #[error("the vendor's limit of downloads is reached")]
    VendorQuota {
        /// How long to wait, if the vendor says so.
        retry_after: Option<Duration>,
    },
    /// As many downloads within 24 hours as are allowed; nothing was asked.
    #[error("all {per_day} downloads of 24 hours are used up until {}", until.to_rfc3339_opts(SecondsFormat::Secs, true))]
    OwnQuota {
        /// The setting.
        per_day: u32,
        /// When the next one is allowed.
        until: DateTime<Utc>,
    },
    /// Another status than those expected.
    #[error("the server answers {status}")]
    Status {
        /// HTTP status code.
        status: u16,
        /// How long to wait, if the server says so.
        retry_after: Option<Duration>,
    },
    /// A 200 that is not what was asked for.
    #[error("the server answers with {0}")]
    Answer(String),
    /// Redirects without end, out of https, or to nowhere.
    #[error("the server redirects {0}")]
    Redirect(&'static str),
    /// No connection.
    #[error("the server cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// A connection that broke, or none where the server sent us on to.
    #[error("the server broke off")]
    Transport(#[source] reqwest::Error),
    /// One of the timeouts passed.
    #[error("the server was silent or slow for too long")]
    TimedOut,
    /// More than `max_bytes`, packed or unpacked.
    #[error("it is larger than {max_bytes} bytes")]
    TooLarge {
        /// The setting.
        max_bytes: u64,
    },
    /// An archive that cannot be unpacked.
    #[error("the download is damaged or cut off")]
    Damaged(#[source] io::Error),
    /// An archive without a database.
    #[error("the archive holds no .mmdb or .BIN file")]
    NoDatabaseInside,
    /// Another checksum than the vendor told.
    #[error("the database has the MD5 checksum {found}, not the vendor's {expected}")]
    Checksum {
        /// In hexadecimal.
        expected: String,
        /// In hexadecimal.
        found: String,
    },
    /// What was downloaded cannot be used.
    #[error("what was downloaded is not taken")]
    Unsound(#[source] Refusal),
    /// Another process is fetching into the same folder.
    #[error("another process is updating databases in this folder")]
    Busy,
    /// The file, or the state beside it, cannot be written or read.
    #[error("cannot read or write in the folder of the databases")]
    Disk(#[source] io::Error),
    /// The HTTP client cannot be set up.
    #[error("cannot set the HTTP client up")]
    Client(#[source] reqwest::Error),
}

/// When to try again after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// Soon, and ever less often.
    BackOff,
    /// When it would be time for the next look anyway: somebody has to do something first.
    NextCheck,
    /// Not before so long.
    After(Duration),
    /// Not before then.
    NotBefore(DateTime<Utc>),
}

/// How long to leave a vendor alone that says that its limit is reached, but not for how long.
const QUOTA_PAUSE: Duration = Duration::from_secs(6 * 3_600);

/// How long until a vendor who published a bad file may have noticed.
const BAD_FILE_PAUSE: Duration = Duration::from_secs(3_600);

impl UpdateError {
    pub(super) fn transport(error: reqwest::Error) -> Self {
        if error.is_timeout() { Self::TimedOut } else { Self::Transport(error.without_url()) }
    }

    /// The error and its causes on one line.
    pub fn told(&self) -> String {
        let error: &dyn std::error::Error = self;
        let causes = std::iter::successors(Some(error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }

    /// One word, for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::VendorQuota { .. } | Self::OwnQuota { .. } => "quota",
            Self::Status { .. } => "status",
            Self::Answer(_) => "answer",
            Self::Redirect(_) => "redirect",
            Self::Unreachable(_) => "unreachable",
            Self::Transport(_) | Self::Client(_) => "transport",
            Self::TimedOut => "timeout",
            Self::TooLarge { .. } => "too_large",
            Self::Damaged(_) => "damaged",
            Self::NoDatabaseInside => "no_database",
            Self::Checksum { .. } => "checksum",
            Self::Unsound(_) => "unsound",
            Self::Busy => "busy",
            Self::Disk(_) => "disk",
        }
    }

    /// Whether the vendor may have counted the download that ended so before a body arrived.
    pub(super) fn may_count(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::TimedOut)
    }

    /// What somebody can do about it, if anything.
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Credentials => "check the account, the key or the token in [geo.update]",
            Self::Forbidden => "check in the vendor's account that the licence covers this database and is accepted",
            Self::NotFound => "check the name of the edition, the code or the URL",
            Self::VendorQuota { .. } | Self::OwnQuota { .. } => {
                "wait; fewer hosts or a mirror of your own save downloads"
            }
            Self::Answer(_) | Self::Redirect(_) => "check base_url or url, and whether a proxy answers instead",
            Self::Unreachable(_) | Self::Transport(_) | Self::TimedOut => "check the network, the proxy and base_url",
            Self::TooLarge { .. } => "raise geo.update.max_bytes if the database is really so large",
            Self::NoDatabaseInside => "choose the MMDB or BIN form of the database, not CSV",
            Self::Busy => "try again when it has finished",
            Self::Disk(_) => "check the free space and the rights of the folder",
            Self::Status { .. } | Self::Damaged(_) | Self::Checksum { .. } | Self::Unsound(_) | Self::Client(_) => {
                return None;
            }
        })
    }

    pub(super) fn retry(&self) -> Retry {
        match self {
            Self::Credentials | Self::Forbidden | Self::NotFound | Self::NoDatabaseInside | Self::TooLarge { .. } => {
                Retry::NextCheck
            }
            Self::Unsound(_) | Self::Checksum { .. } => Retry::After(BAD_FILE_PAUSE),
            Self::VendorQuota { retry_after } => Retry::After(retry_after.unwrap_or(QUOTA_PAUSE)),
            Self::OwnQuota { until, .. } => Retry::NotBefore(*until),
            Self::Status { retry_after: Some(pause), .. } => Retry::After(*pause),
            _ => Retry::BackOff,
        }
    }
}
