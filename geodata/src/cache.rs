//! Places by the records that tell them, since a web log's visitors share few places.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::address::routable;
use crate::database::RecordKey;
use crate::{GeoDatabase, Located};

const CACHED_PLACES: usize = 65_536;

/// Places that one database told, by the records of its files.
#[derive(Default)]
pub(crate) struct Cache {
    places: HashMap<Box<[RecordKey]>, Located, RandomState>,
    records: Vec<RecordKey>,
}

impl Cache {
    /// The place of an address as this database tells it. The database must be the same at each call.
    pub fn locate(&mut self, database: &GeoDatabase, address: IpAddr) -> Located {
        let Some(address) = routable(address) else {
            return Located::default();
        };
        database.find(address, &mut self.records);
        if let Some(located) = self.places.get(&*self.records) {
            return located.clone();
        }
        let located = database.read(&self.records, address);
        if self.places.len() >= CACHED_PLACES {
            self.places.clear();
        }
        self.places.insert(self.records.as_slice().into(), located.clone());
        located
    }
}
