//! Whether an append is likely to succeed, from how the last one ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use eventlog::LogError;

/// After a failure that may pass by itself, readiness is tried again this much later: with no requests sent our way
/// there would be no append to find out.
const PAUSE_MS: u64 = 5_000;

const READY: u64 = 0;
const FOR_GOOD: u64 = u64::MAX;

/// How the last append ended.
pub struct Readiness {
    since: Instant,
    /// Milliseconds after `since` until which we are not ready; `READY`, or `FOR_GOOD` until an append succeeds.
    unready_until_ms: AtomicU64,
}

impl Readiness {
    /// Ready, as long as nothing has failed.
    pub fn new() -> Self {
        Self { since: Instant::now(), unready_until_ms: AtomicU64::new(READY) }
    }

    /// Whether to expect that an append succeeds.
    pub fn is_ready(&self) -> bool {
        self.is_ready_at(Instant::now())
    }

    fn is_ready_at(&self, now: Instant) -> bool {
        let until = self.unready_until_ms.load(Ordering::Relaxed);
        until == READY || (until != FOR_GOOD && self.millis_at(now) >= until)
    }

    fn millis_at(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.since).as_millis()).unwrap_or(FOR_GOOD - 1)
    }

    /// An append succeeded. Tells whether the one before had failed.
    pub fn append_succeeded(&self) -> bool {
        // Read first: writing a shared value at each request would cost every core its cache line.
        self.unready_until_ms.load(Ordering::Relaxed) != READY
            && self.unready_until_ms.swap(READY, Ordering::Relaxed) != READY
    }

    /// An append failed. Tells whether this is news.
    pub fn append_failed(&self, error: &LogError) -> bool {
        let until = match error {
            LogError::Busy | LogError::TooLarge { .. } => return false,
            error if error.is_retriable() => self.millis_at(Instant::now()) + PAUSE_MS,
            _ => FOR_GOOD,
        };
        self.unready_until_ms.swap(until, Ordering::Relaxed) == READY
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_failure_that_may_pass_is_over_after_a_pause_another_only_with_a_success() {
        let later = Instant::now() + Duration::from_secs(60);
        for (error, ready_now, ready_later) in [
            (LogError::Busy, true, true),
            (LogError::TooLarge { bytes: 2, limit: 1 }, true, true),
            (LogError::Unavailable { reason: String::new() }, false, true),
            (LogError::Full { reason: String::new() }, false, true),
            (LogError::Damaged(String::new()), false, false),
        ] {
            let readiness = Readiness::new();
            assert_eq!(readiness.append_failed(&error), !ready_now, "{error}");
            assert!(!readiness.append_failed(&error), "{error}");
            assert_eq!(readiness.is_ready(), ready_now, "{error}");
            assert_eq!(readiness.is_ready_at(later), ready_later, "{error}");
            assert_eq!(readiness.append_succeeded(), !ready_now, "{error}");
            assert!(readiness.is_ready() && !readiness.append_succeeded());
        }
    }
}
