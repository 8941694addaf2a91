//! The memory that all requests together may use for bodies and records.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics::{Gauge, gauge};

use crate::metrics::HTTP_BUFFERED_BYTES;

/// A number of bytes that requests share.
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
    gauge: Gauge,
}

/// The budget has no room for what was asked.
#[derive(Debug, thiserror::Error)]
#[error("the memory for bodies is used up")]
pub struct Exhausted;

impl Budget {
    /// A budget of `limit` bytes, none of them used.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), gauge: gauge!(HTTP_BUFFERED_BYTES) })
    }

    /// A share of no bytes yet.
    pub fn share(self: &Arc<Self>) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

/// The bytes that one holder has taken of the budget; they go back when it is dropped.
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// When the budget has not that many left; nothing is taken then.
    pub fn take(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let before = self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.budget.limit {
            self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Exhausted);
        }
        self.bytes += bytes;
        self.budget.gauge.increment(bytes as f64);
        Ok(())
    }

    /// Gives back all but `bytes`.
    pub fn keep(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        self.budget.used.fetch_sub(surplus, Ordering::Relaxed);
        self.budget.gauge.decrement(surplus as f64);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.keep(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_give_back_what_they_took() {
        let budget = Budget::new(10);
        let mut first = budget.share();
        first.take(6).unwrap();
        let mut second = budget.share();
        assert!(second.take(5).is_err());
        second.take(4).unwrap();
        first.keep(1);
        second.take(5).unwrap();
        assert!(second.take(usize::MAX).is_err());
        drop((first, second));
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
