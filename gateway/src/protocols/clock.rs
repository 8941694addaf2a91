//! Times as senders write them, and their clocks set right.

use event::{TimeError, Timestamp};

const MICROS_A_SECOND: f64 = 1e6;
const MICROS_A_MILLISECOND: f64 = 1e3;

/// A way of reading times.
pub type Read = fn(&str) -> Result<Timestamp, TimeError>;

/// Reads ISO 8601, or milliseconds since 1970.
///
/// # Errors
/// What it must be.
pub fn time(text: &str) -> Result<Timestamp, TimeError> {
    match text.trim().parse::<f64>() {
        Ok(millis) => timestamp(millis * MICROS_A_MILLISECOND),
        Err(_) => Timestamp::parse(text),
    }
}

/// Reads ISO 8601, or seconds since 1970.
///
/// # Errors
/// What it must be.
pub fn seconds(text: &str) -> Result<Timestamp, TimeError> {
    match text.trim().parse::<f64>() {
        Ok(seconds) => timestamp(seconds * MICROS_A_SECOND),
        Err(_) => Timestamp::parse(text),
    }
}

/// Reads microseconds since 1970.
///
/// # Errors
/// What it must be.
pub fn micros(text: &str) -> Result<Timestamp, TimeError> {
    text.trim().parse::<f64>().map_err(|_| TimeError::Malformed).and_then(timestamp)
}

fn timestamp(micros: f64) -> Result<Timestamp, TimeError> {
    if !micros.is_finite() {
        return Err(TimeError::Malformed);
    }
    Timestamp::from_micros(micros.round() as i64)
}

/// When it happened by our clock: as long before we received it as the sender's clock says that it happened before it
/// was sent, which is no time at all for a clock that was set in between.
pub fn corrected(happened: Timestamp, sent: Option<Timestamp>, received: Timestamp) -> Timestamp {
    let Some(sent) = sent else { return happened };
    before(received, (sent.micros() - happened.micros()).max(0)).unwrap_or(happened)
}

/// So many microseconds before `time`; `None` when that is no time.
pub fn before(time: Timestamp, micros: i64) -> Option<Timestamp> {
    Timestamp::from_micros(time.micros().checked_sub(micros)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_text_and_as_numbers() {
        for (read, text, shown) in [
            (time as Read, "2026-01-31T09:30:00.5Z", "2026-01-31T09:30:00.500Z"),
            (time, "1769851800123", "2026-01-31T09:30:00.123Z"),
            (seconds, "1769851800", "2026-01-31T09:30:00.000Z"),
            (seconds, "2026-01-31 09:30:00", "2026-01-31T09:30:00.000Z"),
            (micros, "1769851800123456", "2026-01-31T09:30:00.123Z"),
        ] {
            assert_eq!(read(text).map(|time| time.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for text in ["", "x", "NaN", "inf", "-1", "1e300"] {
            assert!(time(text).is_err() && seconds(text).is_err() && micros(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_is_set_right_by_when_it_says_to_have_sent() {
        let at = |text| Timestamp::parse(text).unwrap();
        let (happened, sent) = (at("2031-01-01T00:00:00Z"), at("2031-01-01T00:00:03Z"));
        let received = at("2026-01-31T09:30:10Z");
        assert_eq!(corrected(happened, Some(sent), received), at("2026-01-31T09:30:07Z"));
        assert_eq!(corrected(happened, None, received), happened);
        assert_eq!(corrected(sent, Some(happened), received), received);
        assert_eq!(corrected(Timestamp::default(), Some(sent), at("1970-01-01T00:00:01Z")), Timestamp::default());
    }
}
