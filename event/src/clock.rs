//! Senders' clocks, set right by ours.

use crate::Timestamp;

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
