//! The time of records: never earlier than that of any record before.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use event::Timestamp;

pub(super) struct Clock {
    source: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// The latest time given out, in µs.
    latest: AtomicI64,
}

impl Clock {
    pub(super) fn new(source: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Self {
        Self { source, latest: AtomicI64::new(0) }
    }

    /// The present in µs, or the latest time given out if the source has jumped back.
    pub(super) fn tick(&self) -> i64 {
        let now = (self.source)().micros();
        self.latest.fetch_max(now, Ordering::Relaxed).max(now)
    }

    /// The present in µs, whatever times were given out: age is counted by this.
    pub(super) fn now(&self) -> i64 {
        (self.source)().micros()
    }

    /// Gives out nothing earlier than `micros`.
    pub(super) fn advance_to(&self, micros: i64) {
        self.latest.fetch_max(micros, Ordering::Relaxed);
    }
}
