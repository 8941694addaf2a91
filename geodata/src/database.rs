//! All configured geo databases as one: the first that knows an address wins.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use event::Place;

use crate::address::routable;
use crate::{DatabaseFile, GeoError};

/// A place and the database that told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Located {
    /// The place; all unknown when no database knows the address.
    pub place: Arc<Place>,
    /// `name@build-date` of the database that knew, of all that were asked when none knew, `None` when none was asked.
    pub database: Option<Arc<str>>,
}

/// Where the record of an address stands, if some database has one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RecordKey {
    file: usize,
    offset: usize,
}

/// Zero or more open files, asked in order.
#[derive(Default)]
pub struct GeoDatabase {
    files: Vec<Arc<DatabaseFile>>,
    all_names: Option<Arc<str>>,
}

impl GeoDatabase {
    /// The files as one database, asked in this order.
    pub fn new(files: Vec<Arc<DatabaseFile>>) -> Self {
        let names: Vec<&str> = files.iter().map(|file| &**file.name()).collect();
        let all_names = (!names.is_empty()).then(|| names.join(",").into());
        Self { files, all_names }
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

    /// The place of an address, looked up afresh.
    pub fn locate(&self, address: IpAddr) -> Located {
        match routable(address) {
            None => Located { place: Arc::default(), database: None },
            Some(address) => match self.find(address) {
                Some(key) => self.read(key, address),
                None => self.unknown(),
            },
        }
    }

    /// The record of a routable address in the first database that has one. A damaged database counts as one without.
    pub(crate) fn find(&self, address: IpAddr) -> Option<RecordKey> {
        self.files.iter().enumerate().find_map(|(index, file)| {
            let offset = file.find(address)?;
            Some(RecordKey { file: index, offset })
        })
    }

    /// The place in the record that [`GeoDatabase::find`] found for this address.
    pub(crate) fn read(&self, key: RecordKey, address: IpAddr) -> Located {
        let file = &self.files[key.file];
        Located { place: Arc::new(file.place(key.offset, address)), database: Some(file.name().clone()) }
    }

    pub(crate) fn unknown(&self) -> Located {
        Located { place: Arc::default(), database: self.all_names.clone() }
    }
}
