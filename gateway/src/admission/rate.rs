//! Token buckets: how many events may come from one place, on average and at once.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::subscriber;

/// Addresses remembered at a time: `SETS` times `WAYS`.
const SETS: usize = 1 << 13;
const WAYS: usize = 8;

/// How many events may come: so many a second on average, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rate {
    /// Events a second; 0 for no limit.
    pub events_per_second: u32,
    /// Events at once, and most events of one request; 0 for ten seconds' worth.
    pub burst_events: u32,
}

impl Rate {
    /// The size of the bucket.
    pub fn burst(self) -> u32 {
        if self.burst_events == 0 { self.events_per_second.saturating_mul(10) } else { self.burst_events }
    }

    fn event_ns(self) -> u64 {
        1_000_000_000 / u64::from(self.events_per_second.max(1))
    }

    /// How long an empty bucket takes to be full.
    fn window_ns(self) -> u64 {
        self.event_ns() * u64::from(self.burst())
    }
}

/// Why events may not come now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverLimit {
    /// There will be room for them after this time.
    Until(Duration),
    /// They are more than may ever come at once.
    Never,
}

/// A bucket as the time at which it is full again, in nanoseconds: the generic cell rate algorithm (ITU-T I.371).
fn taken(full_at: u64, now: u64, events: usize, rate: Rate) -> Result<u64, OverLimit> {
    if events as u64 > u64::from(rate.burst()) {
        return Err(OverLimit::Never);
    }
    let full_at = full_at.max(now) + events as u64 * rate.event_ns();
    match full_at.checked_sub(now + rate.window_ns()) {
        None | Some(0) => Ok(full_at),
        Some(wait) => Err(OverLimit::Until(Duration::from_nanos(wait))),
    }
}

/// One bucket that many requests share.
pub struct Limiter {
    rate: Rate,
    since: Instant,
    full_at: AtomicU64,
}

impl Limiter {
    /// A full bucket; `None` without a limit.
    pub fn new(rate: Rate) -> Option<Self> {
        (rate.events_per_second > 0).then(|| Self { rate, since: Instant::now(), full_at: AtomicU64::new(0) })
    }

    /// The limit.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes so many events out of the bucket, all or none.
    ///
    /// # Errors
    /// When there are not so many in it.
    pub fn take(&self, events: usize) -> Result<(), OverLimit> {
        let now = nanos(self.since);
        let mut over = OverLimit::Never;
        let take = |full_at| taken(full_at, now, events, self.rate).map_err(|error| over = error).ok();
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).map(|_| ()).map_err(|_| over)
    }

    /// Puts events back that were taken.
    pub fn put_back(&self, events: usize) {
        let cost = events as u64 * self.rate.event_ns();
        let put = |full_at: u64| Some(full_at.saturating_sub(cost));
        let _before = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put);
    }
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX / 2)
}

/// A bucket for each address, IPv6 by subscriber, in a table of fixed size: an address that finds no place takes that of
/// the fullest bucket of its set, about which there is least to remember.
pub struct AddressLimiter {
    rate: Rate,
    since: Instant,
    /// Random, so that nobody can choose addresses of one set.
    hasher: RandomState,
    sets: Vec<Mutex<[Bucket; WAYS]>>,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    /// A hash of the address: no address is kept.
    key: u64,
    full_at: u64,
}

impl AddressLimiter {
    /// Full buckets; `None` without a limit.
    pub fn new(rate: Rate) -> Option<Self> {
        let sets = || std::iter::repeat_with(Mutex::default).take(SETS).collect();
        (rate.events_per_second > 0).then(|| Self {
            rate,
            since: Instant::now(),
            hasher: RandomState::new(),
            sets: sets(),
        })
    }

    /// The limit.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes so many events out of the address's bucket, all or none; none at all to ask whether any may come.
    ///
    /// # Errors
    /// When there are not so many in it; for none, when there is not one.
    pub fn take(&self, address: IpAddr, events: usize) -> Result<(), OverLimit> {
        let (key, now) = (self.hasher.hash_one(subscriber(address)), nanos(self.since));
        let mut set = self.set(key);
        let found = set.iter().position(|bucket| bucket.key == key);
        let full_at = found.map_or(now, |index| set[index].full_at);
        let after = taken(full_at, now, events.max(1), self.rate)?;
        if events > 0 {
            let fullest =
                || set.iter().enumerate().min_by_key(|(_, bucket)| bucket.full_at).map_or(0, |(index, _)| index);
            let index = found.unwrap_or_else(fullest);
            set[index] = Bucket { key, full_at: after };
        }
        Ok(())
    }

    fn set(&self, key: u64) -> MutexGuard<'_, [Bucket; WAYS]> {
        let index = key as usize % SETS;
        // A bucket is whole whoever panicked while holding it.
        self.sets[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const RATE: Rate = Rate { events_per_second: 2, burst_events: 10 };

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let start = 5 * SECOND;
        let empty = taken(0, start, 10, RATE).unwrap();
        assert_eq!(taken(empty, start, 1, RATE), Err(OverLimit::Until(Duration::from_millis(500))));
        assert_eq!(taken(empty, start, 4, RATE), Err(OverLimit::Until(Duration::from_secs(2))));
        let later = taken(empty, start + 2 * SECOND, 4, RATE).unwrap();
        assert!(taken(later, start + 2 * SECOND, 1, RATE).is_err());
        assert!(taken(later, start + 60 * SECOND, 10, RATE).is_ok());
        assert_eq!(taken(0, start, 11, RATE), Err(OverLimit::Never));
        assert_eq!(taken(0, start, 11, Rate { burst_events: 0, ..RATE }).map(|_| ()), Ok(()));
        let most = Rate { events_per_second: 1, burst_events: u32::MAX };
        assert!(taken(0, u64::MAX / 4, u32::MAX as usize, most).is_ok());
    }

    #[test]
    fn events_put_back_may_come_again() {
        let limiter = Limiter::new(Rate { events_per_second: 1, burst_events: 3 }).unwrap();
        assert_eq!(limiter.take(3), Ok(()));
        assert!(matches!(limiter.take(3), Err(OverLimit::Until(wait)) if wait > Duration::from_secs(2)));
        assert_eq!(limiter.take(4), Err(OverLimit::Never));
        limiter.put_back(3);
        assert_eq!(limiter.take(3), Ok(()));
        assert!(Limiter::new(Rate::default()).is_none() && AddressLimiter::new(Rate::default()).is_none());
    }

    #[test]
    fn each_address_has_its_bucket_and_an_ipv6_subscriber_one_for_all() {
        let limiter = AddressLimiter::new(Rate { events_per_second: 1, burst_events: 2 }).unwrap();
        let take = |text: &str, events| limiter.take(text.parse().unwrap(), events);
        assert_eq!(take("192.0.2.1", 2), Ok(()));
        assert!(take("192.0.2.1", 1).is_err() && take("::ffff:192.0.2.1", 1).is_err() && take("192.0.2.1", 0).is_err());
        assert!(take("192.0.2.2", 0).is_ok() && take("192.0.2.2", 2).is_ok());
        assert_eq!(take("2001:db8:1:2::1", 2), Ok(()));
        assert!(take("2001:db8:1:2:ffff::9", 1).is_err());
        assert_eq!(take("2001:db8:1:3::1", 2), Ok(()));
    }

    #[test]
    fn more_addresses_than_the_table_holds_take_no_more_memory_and_forget_the_fullest_first() {
        let limiter = AddressLimiter::new(Rate { events_per_second: 1, burst_events: 1_000 }).unwrap();
        let busy: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(limiter.take(busy, 1_000), Ok(()));
        for number in 0..200_000 {
            limiter.take(IpAddr::V4(std::net::Ipv4Addr::from_bits(number)), 1).unwrap();
        }
        assert!(limiter.take(busy, 500).is_err());
    }
}
