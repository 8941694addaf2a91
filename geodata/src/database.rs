//! All configured geo databases as one: each field of a place from the first that knows it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use event::Place;
use smallvec::SmallVec;

use crate::cache::Cache;
use crate::merge::fill;
use crate::{DatabaseFile, GeoError};

/// A place and the databases that told it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Located {
    /// The place; all unknown when no database knows the address.
    pub place: Arc<Place>,
    /// `name@build-date` of each database that something of the place comes from, in their order and with commas
    /// between them; of all databases when none knew; `None` when none was asked.
    pub database: Option<Arc<str>>,
}

/// Where one file has the record of an address, if it has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RecordKey(u32);

impl RecordKey {
    const NONE: Self = Self(u32::MAX);

    /// No file is so long that its keys need more bits.
    fn new(key: Option<usize>) -> Self {
        key.and_then(|key| u32::try_from(key).ok()).map_or(Self::NONE, Self)
    }

    fn get(self) -> Option<usize> {
        (self != Self::NONE).then_some(self.0 as usize)
    }
}

/// Where each file has the record of an address. What most people configure needs no allocation: a city and an ASN database
/// for each kind of address.
pub(crate) type RecordKeys = SmallVec<[RecordKey; 4]>;

/// Zero or more open files, asked in order.
#[derive(Default)]
pub struct GeoDatabase {
    files: Vec<Arc<DatabaseFile>>,
    all_names: Option<Arc<str>>,
    /// The names of several files as one text, by their indexes: rows share them.
    joined_names: Mutex<HashMap<Vec<usize>, Arc<str>>>,
}

impl GeoDatabase {
    /// The files as one database, asked in this order.
    pub fn new(files: Vec<Arc<DatabaseFile>>) -> Self {
        let names: Vec<&str> = files.iter().map(|file| &**file.name()).collect();
        let all_names = (!names.is_empty()).then(|| names.join(",").into());
        Self { files, all_names, joined_names: Mutex::default() }
    }

    /// Opens what can be opened of the files; the others are returned as errors, for a bad file must not stop the rest.
    pub fn open(files: &[PathBuf]) -> (Self, Vec<GeoError>) {
        let mut errors = Vec::new();
        let opened = files.iter().filter_map(|path| DatabaseFile::open(path).map_err(|error| errors.push(error)).ok());
        let database = Self::new(opened.map(Arc::new).collect());
        (database, errors)
    }

    /// The open files, in the order in which they are asked.
    pub fn files(&self) -> &[Arc<DatabaseFile>] {
        &self.files
    }

    /// Names of the open databases, each as `name@build-date`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| &**file.name())
    }

    /// The place of an address, looked up afresh. Who has many addresses to look up uses a [`Locator`](crate::Locator).
    pub fn locate(&self, address: IpAddr) -> Located {
        Cache::default().locate(self, address)
    }

    /// The record of a routable address in each file. A file that is damaged there counts as one without.
    pub(crate) fn find(&self, address: IpAddr) -> RecordKeys {
        self.files.iter().map(|file| RecordKey::new(file.find(address))).collect()
    }

    /// The place in the records that [`GeoDatabase::find`] found for this address.
    pub(crate) fn read(&self, records: &[RecordKey], address: IpAddr) -> Located {
        let mut place = Place::default();
        let mut tellers = Vec::new();
        for (index, (file, key)) in self.files.iter().zip(records).enumerate() {
            if key.get().is_some_and(|key| fill(&mut place, file.place(key, address))) {
                tellers.push(index);
            }
        }
        Located { place: Arc::new(place), database: self.names_of(tellers) }
    }

    fn names_of(&self, tellers: Vec<usize>) -> Option<Arc<str>> {
        match *tellers {
            [] => self.all_names.clone(),
            [only] => Some(self.files[only].name().clone()),
            _ => {
                let mut joined = self.joined_names.lock().unwrap_or_else(PoisonError::into_inner);
                let names = || tellers.iter().map(|index| &**self.files[*index].name()).collect::<Vec<_>>().join(",");
                Some(joined.entry(tellers.clone()).or_insert_with(|| names().into()).clone())
            }
        }
    }
}
