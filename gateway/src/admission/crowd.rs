//! How many connections or requests each address has: none may take the place of all others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Network, subscriber};

/// The connections or requests of each address, an IPv6 subscriber's network counting as one.
pub struct Crowd {
    /// 0 for no limit.
    limit: usize,
    unlimited: Vec<Network>,
    /// Only of addresses that have any.
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// An address has as many as it may have.
#[derive(Debug, PartialEq, Eq)]
pub struct Crowded;

impl Crowd {
    /// At most `limit` for each address outside of `unlimited`; 0 for as many as may come.
    pub fn new(limit: usize, unlimited: Vec<Network>) -> Arc<Self> {
        Arc::new(Self { limit, unlimited, counts: Mutex::default() })
    }

    /// Takes a place for one more; none is needed where there is no limit.
    ///
    /// # Errors
    /// When the address has no place left.
    pub fn join(self: &Arc<Self>, address: IpAddr) -> Result<Option<Place>, Crowded> {
        if self.limit == 0 || self.unlimited.iter().any(|network| network.contains(address)) {
            return Ok(None);
        }
        let address = subscriber(address);
        let mut counts = self.counts();
        let count = counts.entry(address).or_default();
        if *count >= self.limit {
            return Err(Crowded);
        }
        *count += 1;
        Ok(Some(Place { address, crowd: self.clone() }))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // A count is whole whoever panicked while holding it.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place taken; given back when it is dropped.
pub struct Place {
    address: IpAddr,
    crowd: Arc<Crowd>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.counts();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_only_so_many_places_and_gets_them_back() {
        let crowd = Crowd::new(2, vec!["10.0.0.0/8".parse().unwrap()]);
        let join = |address: &str| crowd.join(address.parse().unwrap());
        let first = join("192.0.2.1").unwrap();
        let _second = join("192.0.2.1").unwrap();
        assert_eq!(join("192.0.2.1").err(), Some(Crowded));
        let _others = (join("192.0.2.2").unwrap(), join("2001:db8::1").unwrap(), join("2001:db8::2").unwrap());
        assert_eq!(join("2001:db8::3").err(), Some(Crowded), "an IPv6 subscriber has one network");
        assert!((0..9).all(|_| join("10.1.2.3").is_ok_and(|place| place.is_none())));
        drop(first);
        let again = join("192.0.2.1").unwrap();
        assert!(again.is_some() && join("192.0.2.1").is_err());
        drop((again, _second, _others));
        assert!(crowd.counts().is_empty(), "nobody is remembered");
        assert!((0..9).all(|_| Crowd::new(0, Vec::new()).join("192.0.2.1".parse().unwrap()).is_ok()));
    }
}
