//! How many requests are served at a time: what comes beyond is refused before its body is read.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::refusal::Refusal;
use super::{Crowd, Place};
use crate::config::Config;

/// The requests that are being served.
pub struct Load {
    limit: usize,
    served: Arc<AtomicUsize>,
    crowd: Arc<Crowd>,
}

/// One request's part of the load, until it is dropped.
pub struct Turn {
    served: Arc<AtomicUsize>,
    _place: Option<Place>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.served.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Load {
    /// None yet.
    pub fn new(config: &Config) -> Self {
        Self {
            limit: config.max_requests,
            served: Arc::default(),
            crowd: Crowd::new(config.max_requests_per_address, config.unlimited()),
        }
    }

    /// One more, of this address.
    ///
    /// # Errors
    /// When there are as many as may be, or as many of this address.
    pub fn enter(&self, address: IpAddr) -> Result<Turn, Refusal> {
        let place = self.crowd.join(address).map_err(|_| Refusal::AddressRequests)?;
        let one_more = |served| (served < self.limit).then_some(served + 1);
        match self.served.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Turn { served: self.served.clone(), _place: place }),
            Err(_) => Err(Refusal::Overload),
        }
    }
}
