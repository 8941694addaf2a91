//! When to look again: at intervals, with jitter, ever later after failures, and never beyond a quota.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::error::Retry;

/// Part of an interval by which it may come out shorter or longer, so that hosts do not ask all at once.
const JITTER: f64 = 0.1;
const FIRST_BACK_OFF: Duration = Duration::from_secs(60);
/// Longest pause that a vendor may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(30 * 86_400);
const DAY: TimeDelta = TimeDelta::hours(24);

/// When to look again after one that went well. `random` lies between 0 and 1.
pub fn after_success(now: DateTime<Utc>, interval: Duration, random: f64) -> DateTime<Utc> {
    now + interval.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

/// When to try again after so many failures in a row. `random` lies between 0 and 1.
pub fn after_failure(
    now: DateTime<Utc>,
    interval: Duration,
    failures: u32,
    retry: Retry,
    random: f64,
) -> DateTime<Utc> {
    let next_check = after_success(now, interval, random);
    match retry {
        Retry::NextCheck => next_check,
        Retry::After(pause) => now + pause.min(MAX_PAUSE).mul_f64(1.0 + JITTER * random),
        Retry::NotBefore(time) => time.max(now) + FIRST_BACK_OFF.mul_f64(random),
        Retry::BackOff => {
            let doubled = FIRST_BACK_OFF.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
            // Half of it is random: hosts that failed together must not try again together.
            (now + doubled.min(interval).mul_f64(0.5 + 0.5 * random)).min(next_check)
        }
    }
}

/// When the next download is allowed, if it is not now.
pub fn quota_until(downloads: &[DateTime<Utc>], per_day: u32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut recent: Vec<_> = downloads.iter().filter(|time| counts(**time, now)).collect();
    recent.sort_unstable();
    let nth_last = recent.len().checked_sub(per_day as usize)?;
    recent.get(nth_last).map(|oldest| **oldest + DAY)
}

/// Whether a download still counts. One a little ahead does: the clock was set back since.
pub fn counts(download: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - download).abs() < DAY
}

/// Whether a remembered time for the next look can have been chosen by a clock that was right.
pub fn is_credible(next: DateTime<Utc>, interval: Duration, now: DateTime<Utc>) -> bool {
    next <= now + 2 * interval + 2 * MAX_PAUSE
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::hours(hours)
    }

    #[test]
    fn looks_lie_within_a_tenth_of_the_interval() {
        for (random, minutes) in [(0.0, 540), (0.5, 600), (1.0, 660)] {
            let next = after_success(at(0), 10 * HOUR, random);
            assert_eq!((next - at(0)).num_seconds().div_euclid(60), minutes, "{random}");
        }
    }

    #[test]
    fn failures_in_a_row_are_tried_ever_later_but_not_later_than_the_next_look() {
        let wait = |failures, random| {
            (after_failure(at(0), 24 * HOUR, failures, Retry::BackOff, random) - at(0)).num_seconds()
        };
        assert_eq!([1, 2, 3, 4].map(|failures| wait(failures, 1.0)), [60, 120, 240, 480]);
        assert_eq!([1, 2, 3, 4].map(|failures| wait(failures, 0.0)), [30, 60, 120, 240]);
        for failures in [12, 13, 40, u32::MAX] {
            assert!((43_200..=86_400).contains(&wait(failures, 0.0)), "{failures}");
            assert!((43_200..=86_400).contains(&wait(failures, 1.0)), "{failures}");
        }
    }

    #[test]
    fn what_somebody_must_mend_and_what_the_vendor_asks_for_is_waited_for() {
        let next = |retry| after_failure(at(0), 24 * HOUR, 1, retry, 0.5);
        assert_eq!(next(Retry::NextCheck), at(24));
        assert!(next(Retry::After(2 * HOUR)) >= at(2) && next(Retry::After(2 * HOUR)) < at(3));
        assert!(next(Retry::NotBefore(at(5))) >= at(5) && next(Retry::NotBefore(at(5))) < at(6));
        assert!(next(Retry::NotBefore(at(-5))) >= at(0));
        assert!(next(Retry::After(Duration::MAX)) > at(24));
    }

    #[test]
    fn a_time_that_a_wrong_clock_chose_is_not_waited_for() {
        assert!(is_credible(at(24 * 30), 24 * HOUR, at(0)));
        assert!(!is_credible(at(24 * 365), 24 * HOUR, at(0)));
    }

    #[test]
    fn a_quota_is_free_again_a_day_after_the_oldest_download_that_fills_it() {
        let downloads = [at(-30), at(-20), at(-10), at(-1)];
        assert_eq!(quota_until(&downloads, 4, at(0)), None);
        assert_eq!(quota_until(&downloads, 3, at(0)), Some(at(4)));
        assert_eq!(quota_until(&downloads, 2, at(0)), Some(at(14)));
        assert_eq!(quota_until(&downloads, 3, at(4)), None);
        assert_eq!(quota_until(&[at(2)], 1, at(0)), Some(at(26)));
        assert_eq!(quota_until(&[at(40_000)], 1, at(0)), None);
        assert_eq!(quota_until(&[], 1, at(0)), None);
    }
}
