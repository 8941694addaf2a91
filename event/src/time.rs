//! A point in time: microseconds since 1970 in UTC, between the years 1970 and 9999.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDateTime};

use crate::calendar;

/// Microseconds since 1970-01-01T00:00:00Z. Every value lies in the years 1970 to 9999, which all sinks can hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// Why a text is no [`Timestamp`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeError {
    /// Not ISO 8601.
    #[error("must be an ISO 8601 time such as 2026-01-31T09:30:00.000Z")]
    Malformed,
    /// A time that no sink could hold.
    #[error("must lie between the years 1970 and 9999")]
    OutOfRange,
}

const MAX_MICROS: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// The present; a system clock set before 1970 counts as 1970.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(MAX_MICROS).min(MAX_MICROS))
    }

    /// From microseconds since 1970.
    ///
    /// # Errors
    /// `OutOfRange` outside the years 1970 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self, TimeError> {
        match micros {
            0..=MAX_MICROS => Ok(Self(micros)),
            _ => Err(TimeError::OutOfRange),
        }
    }

    /// Reads RFC 3339 with any offset; without an offset the time is taken as UTC. A blank may stand for the `T`.
    ///
    /// # Errors
    /// `Malformed` or `OutOfRange`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Some(millis) = calendar::parse(text.as_bytes()) {
            return Self::from_micros(millis * 1_000);
        }
        let text = text.trim();
        let micros = match DateTime::parse_from_rfc3339(text) {
            Ok(time) => time.timestamp_micros(),
            Err(_) => parse_without_offset(text)?.and_utc().timestamp_micros(),
        };
        Self::from_micros(micros)
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    pub fn millis(self) -> i64 {
        self.0 / 1_000
    }

    /// The time as ISO 8601 with milliseconds and `Z`, in ASCII: `2026-01-31T09:30:00.000Z`.
    pub fn iso(self) -> [u8; 24] {
        calendar::format(self.millis())
    }

    /// The same time without what is smaller than a millisecond, the precision of a record.
    #[must_use]
    pub fn to_millis_precision(self) -> Self {
        Self(self.millis() * 1_000)
    }
}

fn parse_without_offset(text: &str) -> Result<NaiveDateTime, TimeError> {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .ok_or(TimeError::Malformed)
}

/// ISO 8601 with milliseconds and `Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.iso()).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_any_offset_and_shown_in_utc_with_milliseconds() {
        for (text, shown) in [
            ("2026-01-31T09:30:00.000Z", "2026-01-31T09:30:00.000Z"),
            ("2026-01-31T09:30:00+02:00", "2026-01-31T07:30:00.000Z"),
            ("2026-01-31 09:30:00.1239Z", "2026-01-31T09:30:00.123Z"),
            ("2026-01-31T09:30:00.5", "2026-01-31T09:30:00.500Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_no_sink_could_hold_is_refused() {
        for (text, error) in [
            ("", TimeError::Malformed),
            ("yesterday", TimeError::Malformed),
            ("2026-13-01T00:00:00Z", TimeError::Malformed),
            ("1700000000", TimeError::Malformed),
            ("1969-12-31T23:59:59.999Z", TimeError::OutOfRange),
            ("-0044-03-15T00:00:00Z", TimeError::Malformed),
            ("+10000-01-01T00:00:00", TimeError::OutOfRange),
        ] {
            assert_eq!(Timestamp::parse(text), Err(error), "{text}");
        }
    }
}
