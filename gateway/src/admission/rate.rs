//! How many events may come from one place, on average and at once: governor's generic cell rate algorithm over buckets
//! of our own, in memory that does not grow.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::direct::NotKeyed;
use governor::{InsufficientCapacity, NotUntil, Quota, RateLimiter};
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

    /// `None` without a limit.
    fn quota(self) -> Option<Quota> {
        let burst = NonZeroU32::new(self.burst())?;
        Some(Quota::per_second(NonZeroU32::new(self.events_per_second)?).allow_burst(burst))
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

type Checked = Result<Result<(), NotUntil<<DefaultClock as Clock>::Instant>>, InsufficientCapacity>;

fn outcome(checked: Checked, clock: &DefaultClock) -> Result<(), OverLimit> {
    match checked {
        Ok(Ok(())) => Ok(()),
        Ok(Err(until)) => Err(OverLimit::Until(until.wait_time_from(clock.now()))),
        Err(InsufficientCapacity(_)) => Err(OverLimit::Never),
    }
}

fn cells(events: usize) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(events).unwrap_or(u32::MAX))
}

/// One bucket that many requests share.
pub struct Limiter {
    rate: Rate,
    event_ns: u64,
    bucket: Bucket,
    governor: RateLimiter<NotKeyed, Bucket, DefaultClock>,
}

/// A bucket as the time at which it is full again, in nanoseconds of governor's clock; 0 when nothing was taken yet.
#[derive(Clone, Default)]
struct Bucket(Arc<AtomicU64>);

impl StateStore for Bucket {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut before = self.0.load(Ordering::Relaxed);
        loop {
            let (outcome, after) = measure(NonZeroU64::new(before).map(|full_at| full_at.get().into()))?;
            match self.0.compare_exchange_weak(before, after.into(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(outcome),
                Err(now) => before = now,
            }
        }
    }
}

impl Limiter {
    /// A full bucket; `None` without a limit.
    pub fn new(rate: Rate) -> Option<Self> {
        let quota = rate.quota()?;
        let event_ns = u64::try_from(quota.replenish_interval().as_nanos()).unwrap_or(u64::MAX);
        let bucket = Bucket::default();
        let governor = RateLimiter::new(quota, bucket.clone(), DefaultClock::default());
        Some(Self { rate, event_ns, bucket, governor })
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
        let Some(events) = cells(events) else { return Ok(()) };
        outcome(self.governor.check_n(events), self.governor.clock())
    }

    /// Puts events back that were taken.
    pub fn put_back(&self, events: usize) {
        let cost = self.event_ns.saturating_mul(events as u64);
        let put = |full_at: u64| Some(full_at.saturating_sub(cost));
        let _before = self.bucket.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put);
    }
}

/// A bucket for each address, IPv6 by subscriber.
pub struct AddressLimiter {
    rate: Rate,
    /// Random, so that nobody can choose addresses of one set.
    hasher: RandomState,
    governor: RateLimiter<Wish, Table, DefaultClock>,
}

/// Whose bucket is meant, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Wish {
    /// A hash of the address: no address is kept.
    address: u64,
    /// Whether something is taken out of it.
    takes: bool,
}

/// Buckets in a table of fixed size: an address that finds no place takes that of the fullest bucket of its set, about
/// which there is least to remember.
struct Table(Vec<Mutex<[AddressBucket; WAYS]>>);

#[derive(Clone, Copy, Default)]
struct AddressBucket {
    address: u64,
    full_at: u64,
}

impl Table {
    fn new() -> Self {
        Self(std::iter::repeat_with(Mutex::default).take(SETS).collect())
    }

    fn set(&self, address: u64) -> MutexGuard<'_, [AddressBucket; WAYS]> {
        // A bucket is whole whoever panicked while holding it.
        self.0[address as usize % SETS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Table {
    type Key = Wish;

    fn measure_and_replace<T, F, E>(&self, wish: &Wish, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut set = self.set(wish.address);
        let found = set.iter().position(|bucket| bucket.address == wish.address);
        let (outcome, after) = measure(found.map(|index| set[index].full_at.into()))?;
        if wish.takes {
            let fullest = || (0..WAYS).min_by_key(|index| set[*index].full_at).unwrap_or_default();
            let index = found.unwrap_or_else(fullest);
            set[index] = AddressBucket { address: wish.address, full_at: after.into() };
        }
        Ok(outcome)
    }
}

impl AddressLimiter {
    /// Full buckets; `None` without a limit.
    pub fn new(rate: Rate) -> Option<Self> {
        let governor = RateLimiter::new(rate.quota()?, Table::new(), DefaultClock::default());
        Some(Self { rate, hasher: RandomState::new(), governor })
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
        let wish = Wish { address: self.hasher.hash_one(subscriber(address)), takes: events > 0 };
        let events = cells(events).unwrap_or(NonZeroU32::MIN);
        outcome(self.governor.check_key_n(&wish, events), self.governor.clock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(events_per_second: u32, burst_events: u32) -> Limiter {
        Limiter::new(Rate { events_per_second, burst_events }).unwrap()
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let (bucket, began) = (limiter(2, 10), std::time::Instant::now());
        // What has passed since the burst is not waited for any more, however slow this machine is.
        let until = |events, ms| {
            let Err(OverLimit::Until(wait)) = bucket.take(events) else { return false };
            wait <= Duration::from_millis(ms) && wait + began.elapsed() >= Duration::from_millis(ms)
        };
        assert_eq!((bucket.take(0), bucket.take(10)), (Ok(()), Ok(())));
        assert!(until(10, 5_000) && until(4, 2_000) && until(1, 500));
        assert_eq!(bucket.take(11), Err(OverLimit::Never));
        assert_eq!(limiter(2, 0).take(20), Ok(()), "ten seconds' worth");
        assert_eq!(limiter(1, u32::MAX).take(u32::MAX as usize), Ok(()));
        assert_eq!(limiter(1, 5).take(usize::MAX), Err(OverLimit::Never));
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
