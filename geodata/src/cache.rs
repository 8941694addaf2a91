//! Places by the records that tell them, since a web log's visitors share few places.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::address::routable;
use crate::database::RecordKeys;
use crate::{GeoDatabase, Located};

/// As many as a hash table of 2¹⁷ slots takes: fewer than a city database has, more than most visitors come from. Some 50 MB when
/// full.
const CACHED_PLACES: usize = 114_688;

/// Places that one database told, by the records of its files.
#[derive(Default)]
pub(crate) struct Cache(HashMap<RecordKeys, Located, RandomState>);

impl Cache {
    /// The place of an address as this database tells it. The database must be the same at each call.
    pub fn locate(&mut self, database: &GeoDatabase, address: IpAddr) -> Located {
        let Some(address) = routable(address) else {
            return Located::default();
        };
        let records = database.find(address);
        if let Some(located) = self.0.get(&records) {
            return located.clone();
        }
        let located = database.read(&records, address);
        if self.0.len() >= CACHED_PLACES {
            self.0.clear();
        }
        self.0.insert(records, located.clone());
        located
    }
}
