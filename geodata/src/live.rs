//! The geo database in use, which a newer one replaces while readers go on.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::GeoDatabase;
use crate::traffic::{Counts, Lookups, Traffic};

/// A handle on the database in use, shared by everybody who looks up.
#[derive(Default)]
pub struct LiveDatabase {
    database: ArcSwap<GeoDatabase>,
    traffic: Traffic,
}

impl LiveDatabase {
    /// A handle on this database, until it is replaced.
    pub fn new(database: GeoDatabase) -> Self {
        Self { database: ArcSwap::from_pointee(database), traffic: Traffic::default() }
    }

    /// The database in use at this moment.
    pub fn current(&self) -> Arc<GeoDatabase> {
        self.database.load_full()
    }

    /// Puts a newer database in use. Look-ups under way finish with the old one.
    pub fn replace(&self, database: GeoDatabase) {
        self.database.store(Arc::new(database));
    }

    /// The look-ups of all locators, each told of when it refreshes.
    pub fn counts(&self) -> Counts {
        self.traffic.counts()
    }

    pub(crate) fn take(&self, lookups: &mut Lookups) {
        self.traffic.take(lookups);
    }

    pub(crate) fn recent(&self) -> Vec<IpAddr> {
        self.traffic.recent()
    }
}
