//! What visitors' look-ups show: how many there are, how many end without a place, and which addresses matter.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use event::Place;
use metrics::counter;
use serde::Serialize;

use crate::Located;
use crate::metrics::{GEO_LOOKUPS, GEO_MISSES};

const RECENT: usize = 1_024;

/// Look-ups of one locator that it has not told of yet.
#[derive(Default)]
pub(crate) struct Lookups {
    counts: Counts,
    known: Option<IpAddr>,
}

impl Lookups {
    /// Counts a look-up, if a database was asked at all.
    pub fn add(&mut self, address: IpAddr, located: &Located) {
        if located.database.is_none() {
            return;
        }
        self.counts.lookups += 1;
        if *located.place == Place::default() {
            self.counts.misses += 1;
        } else {
            self.known = Some(address);
        }
    }
}

/// Counts of this process's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Public addresses that databases were asked for.
    pub lookups: u64,
    /// Those of them that no database knew.
    pub misses: u64,
}

/// The look-ups of all locators.
#[derive(Default)]
pub(crate) struct Traffic {
    lookups: AtomicU64,
    misses: AtomicU64,
    recent: Mutex<VecDeque<IpAddr>>,
}

impl Traffic {
    /// Adds what a locator has not told of yet.
    pub fn take(&self, lookups: &mut Lookups) {
        let Lookups { counts, known } = std::mem::take(lookups);
        if counts.lookups == 0 {
            return;
        }
        self.lookups.fetch_add(counts.lookups, Ordering::Relaxed);
        self.misses.fetch_add(counts.misses, Ordering::Relaxed);
        counter!(GEO_LOOKUPS).increment(counts.lookups);
        counter!(GEO_MISSES).increment(counts.misses);
        if let Some(address) = known {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.truncate(RECENT - 1);
            recent.push_front(address);
        }
    }

    /// All look-ups so far.
    pub fn counts(&self) -> Counts {
        Counts { lookups: self.lookups.load(Ordering::Relaxed), misses: self.misses.load(Ordering::Relaxed) }
    }

    /// Up to 1,024 addresses that some database knew, the last one of each batch.
    pub fn recent(&self) -> Vec<IpAddr> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}
