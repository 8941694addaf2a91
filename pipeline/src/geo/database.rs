//! All configured geo databases as one: the first that knows an address wins.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::DateTime;
use event::Place;
use maxminddb::MaxMindDbError;
use metrics::counter;

use super::address::routable;
use super::mmdb::Mmdb;
use crate::metrics::GEO_FAILURES;

/// Why a geo database file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the geo database {}", path.display())]
pub struct GeoError {
    path: PathBuf,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

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
pub(super) struct RecordKey {
    database: usize,
    offset: usize,
}

/// Zero or more open databases, asked in order.
#[derive(Default)]
pub struct GeoDatabase {
    databases: Vec<Named>,
    all_names: Option<Arc<str>>,
}

struct Named {
    name: Arc<str>,
    mmdb: Mmdb,
    complained: AtomicBool,
}

impl GeoDatabase {
    /// Opens what can be opened of the files; the others are returned as errors, for a bad file must not stop the rest.
    pub fn open(files: &[PathBuf]) -> (Self, Vec<GeoError>) {
        let (opened, failed): (Vec<_>, Vec<_>) = files.iter().map(|path| Named::open(path)).partition(Result::is_ok);
        let databases: Vec<Named> = opened.into_iter().filter_map(Result::ok).collect();
        let names: Vec<&str> = databases.iter().map(|database| &*database.name).collect();
        let all_names = (!names.is_empty()).then(|| names.join(",").into());
        (Self { databases, all_names }, failed.into_iter().filter_map(Result::err).collect())
    }

    /// Names of the open databases, each as `name@build-date`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().map(|database| &*database.name)
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
    pub(super) fn find(&self, address: IpAddr) -> Option<RecordKey> {
        self.databases.iter().enumerate().find_map(|(database, named)| {
            let offset = named.told(named.mmdb.find(address))?;
            Some(RecordKey { database, offset })
        })
    }

    /// The place in the record that [`GeoDatabase::find`] found for this address.
    pub(super) fn read(&self, key: RecordKey, address: IpAddr) -> Located {
        let named = &self.databases[key.database];
        let place = named.told(named.mmdb.place(address)).unwrap_or_default();
        Located { place: Arc::new(place), database: Some(named.name.clone()) }
    }

    pub(super) fn unknown(&self) -> Located {
        Located { place: Arc::default(), database: self.all_names.clone() }
    }
}

impl Named {
    fn open(path: &Path) -> Result<Self, GeoError> {
        let fault = |source| GeoError { path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(|error| fault(error.into()))?;
        let mmdb = Mmdb::from_bytes(bytes).map_err(|error: MaxMindDbError| fault(error.into()))?;
        Ok(Self { name: name_of(&mmdb, path).into(), mmdb, complained: AtomicBool::new(false) })
    }

    /// What was found; a failure is counted, and logged the first time.
    fn told<T>(&self, found: Result<Option<T>, MaxMindDbError>) -> Option<T> {
        found.unwrap_or_else(|error| {
            counter!(GEO_FAILURES, "database" => self.name.to_string()).increment(1);
            if !self.complained.swap(true, Ordering::Relaxed) {
                tracing::warn!(database = &*self.name, %error, "a geo database cannot be read; its places stay unknown");
            }
            None
        })
    }
}

/// The maker's name for it, if it is one: `GeoLite2-City` is, ip-location-db's `city ipv4` could be anybody's, and then the
/// file's name says more.
fn name_of(mmdb: &Mmdb, path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let is_name = !mmdb.name().is_empty() && !mmdb.name().contains(' ');
    let name = if is_name { mmdb.name() } else { &stem };
    let built = i64::try_from(mmdb.build_epoch()).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    match built {
        Some(time) => format!("{name}@{}", time.format("%Y-%m-%d")),
        None => name.to_owned(),
    }
}
