//! The geo database in use, which a newer one replaces while readers go on.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::GeoDatabase;

/// A handle on the database in use, shared by everybody who looks up.
#[derive(Default)]
pub struct LiveDatabase(ArcSwap<GeoDatabase>);

impl LiveDatabase {
    /// A handle on this database, until it is replaced.
    pub fn new(database: GeoDatabase) -> Self {
        Self(ArcSwap::from_pointee(database))
    }

    /// The database in use at this moment.
    pub fn current(&self) -> Arc<GeoDatabase> {
        self.0.load_full()
    }

    /// Puts a newer database in use. Look-ups under way finish with the old one.
    pub fn replace(&self, database: GeoDatabase) {
        self.0.store(Arc::new(database));
    }
}
