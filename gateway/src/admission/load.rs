//! How many requests are served at a time: what comes beyond is refused before its body is read.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use super::{Crowd, Place};
use crate::config::Config;

/// The requests that are being served.
pub struct Load {
    turns: Arc<Semaphore>,
    crowd: Arc<Crowd>,
}

/// One request's part of the load, until it is dropped.
pub struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: Option<Place>,
}

impl Load {
    /// None yet.
    pub fn new(config: &Config) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(config.max_requests.min(Semaphore::MAX_PERMITS))),
            crowd: Crowd::new(config.max_requests_per_address, config.unlimited()),
        }
    }

    /// One more, of this address.
    ///
    /// # Errors
    /// When there are as many as may be, or as many of this address.
    pub fn enter(&self, address: IpAddr) -> Result<Turn, Refusal> {
        let place = self.crowd.join(address).map_err(|_| Refusal::AddressRequests)?;
        let turn = self.turns.clone().try_acquire_owned().map_err(|_| Refusal::Overload)?;
        Ok(Turn { _turn: turn, _place: place })
    }
}
