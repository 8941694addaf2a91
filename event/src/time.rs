//! A point in time: microseconds since 1970 in UTC, between the years 1970 and 9999.
//!
//! What a time may look like, in every protocol, in records and on the command line ([`Timestamp::parse`]):
//!
//! - ISO 8601 and what libraries print in its place (`iso8601`): `2026-01-31T09:30:00.000Z` (JavaScript),
//!   `2026-01-31T09:30:00.123456+00:00` and `2026-01-31 09:30:00,123` (Python), `2026-01-31 09:30:00.123456789 +0000 UTC` (Go),
//!   `2026-01-31T09:30Z` and `2026-01-31T10:30+01:00[Europe/Paris]` (Java), `2026-01-31T09:30:00.1234567Z` (.NET),
//!   `2026-01-31T09:30:00+0000` (PHP), `2026-01-31 09:30:00 UTC` (Ruby, Rust), `2026-01-31 09:30:00+00` (Postgres),
//!   `20260131T093000Z`, or a date alone. Without a zone it is UTC;
//! - a number since 1970, whose size tells its unit: seconds (9 or 10 digits, 1973 to 2286), milliseconds (12 or 13),
//!   microseconds (15 or 16) or nanoseconds (18 or 19), with a decimal fraction or not;
//! - the form of mails and of HTTP (RFC 2822): `Sat, 31 Jan 2026 09:30:00 GMT`.
//!
//! Empty text is as good as no time. In pageberg's own protocol anything else is a fault of the event; in the protocols of
//! trackers, which do not send again what is refused, it costs the event its time and is counted.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::DateTime;

use crate::{calendar, iso8601};

/// Microseconds since 1970-01-01T00:00:00Z. Every value lies in the years 1970 to 9999, which all sinks can hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// Why a text is no [`Timestamp`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeError {
    /// Nothing that is read as a time.
    #[error(
        "must be an ISO 8601 time such as 2026-01-31T09:30:00.000Z, or a number of seconds or milliseconds since 1970"
    )]
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

    /// Reads a time as the head of this file says.
    ///
    /// # Errors
    /// `Malformed` or `OutOfRange`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Some(millis) = calendar::parse(text.as_bytes()) {
            return Self::from_micros(millis * 1_000);
        }
        let text = text.trim();
        let micros = iso8601::micros(text).or_else(|| epoch_micros(text)).or_else(|| rfc2822_micros(text));
        Self::from_micros(micros.ok_or(TimeError::Malformed)?)
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

/// From which number on a unit is meant, and how many microseconds it has. Each begins in 1973 and goes as far as two digits
/// do; what lies between could be either of two units, or a date without separators.
const EPOCH_UNITS: [(f64, f64); 4] = [(1e8, 1e6), (1e11, 1e3), (1e14, 1.0), (1e17, 1e-3)];
const EPOCH_UNIT_SPAN: f64 = 100.0;

fn epoch_micros(number: &str) -> Option<i64> {
    // Only digits: Rust reads `inf`, too.
    let number: f64 = number.starts_with(|first: char| first.is_ascii_digit()).then(|| number.parse().ok())??;
    let fits = |(least, _): &&(f64, f64)| (*least..*least * EPOCH_UNIT_SPAN).contains(&number);
    EPOCH_UNITS.iter().find(fits).map(|(_, micros)| (number * micros).round() as i64)
}

fn rfc2822_micros(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc2822(text).ok().map(|time| time.timestamp_micros())
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

    fn assert_read(cases: &[(&str, &str)]) {
        for (text, shown) in cases {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), Ok(*shown), "{text}");
        }
    }

    #[test]
    fn a_time_is_read_with_any_offset_and_shown_in_utc_with_milliseconds() {
        assert_read(&[
            ("2026-01-31T09:30:00.000Z", "2026-01-31T09:30:00.000Z"),
            ("2026-01-31T09:30:00+02:00", "2026-01-31T07:30:00.000Z"),
            ("2026-01-31 09:30:00.1239Z", "2026-01-31T09:30:00.123Z"),
            ("2026-01-31T09:30:00.5", "2026-01-31T09:30:00.500Z"),
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
            (" 2026-01-31T09:30:00-00:30 ", "2026-01-31T10:00:00.000Z"),
            ("2026-02-01T00:15:00+00:30", "2026-01-31T23:45:00.000Z"),
        ]);
    }

    /// Each as a library prints it without being asked for a format, or with its constant for ISO 8601.
    #[test]
    fn what_libraries_print_is_read() {
        const TIME: &str = "2026-01-31T09:30:00.000Z";
        const WITH_MILLIS: &str = "2026-01-31T09:30:00.123Z";
        for (text, shown) in [
            ("2026-01-31T09:30:00+0000", TIME),                       // PHP, DATE_ISO8601
            ("2026-01-31T09:30:00+00", TIME),                         // ISO 8601
            ("2026-01-31 09:30:00+00", TIME),                         // Postgres
            ("2026-01-31T09:30Z", TIME),                              // Java, OffsetDateTime
            ("2026-01-31T09:30", TIME),                               // Java, LocalDateTime
            ("2026-01-31T10:30+01:00[Europe/Paris]", TIME),           // Java, ZonedDateTime
            ("2026-01-31T09:30:00Z[UTC][u-ca=iso8601]", TIME),        // JavaScript, Temporal
            ("2026-01-31t09:30:00z", TIME),                           // RFC 3339
            ("2026-01-31 09:30:00,123", WITH_MILLIS),                 // Python, logging
            ("2026-01-31 09:30:00.123456+00:00", WITH_MILLIS),        // Python, str(datetime)
            ("2026-01-31T09:30:00.1234567Z", WITH_MILLIS),            // .NET, "o"
            ("2026-01-31 09:30:00Z", TIME),                           // .NET, "u"; Elixir
            ("2026-01-31 09:30:00.123456789 +0000 UTC", WITH_MILLIS), // Go
            ("2026-01-31 10:30:00 +0100 CET m=+0.000012", TIME),      // Go, time.Now()
            ("2026-01-31 12:30:00 +0300 +03", TIME),                  // Go, a zone without a name
            ("2026-01-31 09:30:00 UTC", TIME),                        // Ruby
            ("2026-01-31 10:30:00 +0100", TIME),                      // Ruby, Swift
            ("2026-01-31 09:30:00.123456789 UTC", WITH_MILLIS),       // Rust, chrono
            ("2026-01-31 9:30:00.123 +00:00:00", WITH_MILLIS),        // Rust, time
            ("+002026-01-31T09:30:00.000Z", TIME),                    // JavaScript, expanded years
            ("20260131T093000Z", TIME),                               // ISO 8601, basic
            ("20260131T0930+0000", TIME),                             // ISO 8601, basic
            ("2026-01-31T09:30:00\u{2212}00:00", TIME),               // ISO 8601's minus
            ("Sat, 31 Jan 2026 09:30:00 GMT", TIME),                  // JavaScript, toUTCString
            ("Sat, 31 Jan 2026 10:30:00 +0100", TIME),                // PHP, DATE_RFC2822
            ("2026-01-31", "2026-01-31T00:00:00.000Z"),
            ("20260131", "2026-01-31T00:00:00.000Z"),
            ("2026-01-31T24:00:00Z", "2026-02-01T00:00:00.000Z"),
            ("2026-01-31T23:59:60Z", "2026-02-01T00:00:00.000Z"),
            ("2026-01-31T09:30:00.1Z", "2026-01-31T09:30:00.100Z"),
            ("2026-01-31T09:30:00,123456789012Z", WITH_MILLIS),
        ] {
            assert_read(&[(text, shown)]);
        }
    }

    #[test]
    fn a_number_tells_its_unit_by_its_size() {
        assert_read(&[
            ("1769851800", "2026-01-31T09:30:00.000Z"),
            ("1769851800.123456", "2026-01-31T09:30:00.123Z"),
            ("1.769851800e9", "2026-01-31T09:30:00.000Z"),
            ("100000000", "1973-03-03T09:46:40.000Z"),
            ("1769851800123", "2026-01-31T09:30:00.123Z"),
            ("1769851800123.0", "2026-01-31T09:30:00.123Z"),
            ("1769851800123456", "2026-01-31T09:30:00.123Z"),
            ("1769851800123456789", "2026-01-31T09:30:00.123Z"),
        ]);
        for unclear in ["0", "7", "86400", "-1769851800", "20260131093000", "17698518001", "1e300", "1769851800 s"] {
            assert_eq!(Timestamp::parse(unclear), Err(TimeError::Malformed), "{unclear}");
        }
    }

    #[test]
    fn what_no_sink_could_hold_is_refused() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-02-29",
            "2026-1-31",
            "2026-01-31T",
            "2026-01-31T09",
            "2026-01-31T25:00:00Z",
            "2026-01-31T24:00:01Z",
            "2026-01-31T09:60:00Z",
            "2026-01-31T09:30:61Z",
            "2026-01-31T09:30:00.Z",
            "2026-01-31T09:30:00+24:00",
            "2026-01-31T09:30:00+1",
            "2026-01-31T09:30:00 CET",
            "2026-01-31T09:30:00Zulu",
            "2026-01-31T09:30:00Z and then some words",
            "2026-01-31T09:30:00[Europe/Paris]",
            "2026-0131",
            "202601-31",
            "+2026",
            "\u{661}\u{662}26-01-31",
            "2026-01-3\u{e9}",
            "inf",
            "NaN",
        ] {
            assert_eq!(Timestamp::parse(text), Err(TimeError::Malformed), "{text}");
        }
        for text in ["1969-12-31T23:59:59.999Z", "-000044-03-15T00:00:00Z", "+10000-01-01T00:00:00", "0001-01-01"] {
            assert_eq!(Timestamp::parse(text), Err(TimeError::OutOfRange), "{text}");
        }
    }
}
