//! One geo database file, held in memory.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::NaiveDate;
use event::Place;
use metrics::counter;

use crate::format::{Format, FormatError};
use crate::metrics::{GEO_FAILURES, label};
use crate::plausible::plausible;

/// Why a geo database file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the geo database {}", path.display())]
pub struct GeoError {
    path: PathBuf,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// A file's content, ready for look-ups, and what it tells about itself.
pub struct DatabaseFile {
    path: PathBuf,
    name: Arc<str>,
    size_bytes: u64,
    format: Format,
    complained: AtomicBool,
}

impl DatabaseFile {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or is no geo database.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let bytes = fs::read(path).map_err(|error| GeoError { path: path.to_owned(), source: error.into() })?;
        Self::from_bytes(path, bytes)
    }

    /// Takes a file's content as it was read from `path`.
    ///
    /// # Errors
    /// When it is no geo database.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, GeoError> {
        let size_bytes = bytes.len() as u64;
        let format =
            Format::from_bytes(bytes).map_err(|error| GeoError { path: path.to_owned(), source: error.into() })?;
        let name = name_of(&format, path).into();
        Ok(Self { path: path.to_owned(), name, size_bytes, format, complained: AtomicBool::new(false) })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `name@build-date`, or the name alone when the file does not tell when it was built.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// When it was built, if it tells.
    pub fn built(&self) -> Option<NaiveDate> {
        self.format.built()
    }

    /// The kind of file it is: `MMDB` or `IP2Location BIN`.
    pub fn format(&self) -> &'static str {
        match self.format {
            Format::Mmdb(_) => "MMDB",
            Format::Bin(_) => "IP2Location BIN",
        }
    }

    /// Size of the file.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The place of a routable address; unlike the look-ups for visitors it tells when the file is damaged there.
    pub(crate) fn probe(&self, address: IpAddr) -> Result<Option<Place>, FormatError> {
        let place = self.format.find(address)?.map(|key| self.format.place(key, address)).transpose()?;
        Ok(place.map(plausible))
    }

    /// Reads every record once: about a second for the largest files.
    pub(crate) fn verify(&self) -> Result<(), FormatError> {
        self.format.verify()
    }

    /// The key of the record of a routable address: the same key is the same place. `None` when it has none, or is
    /// damaged there.
    pub(crate) fn find(&self, address: IpAddr) -> Option<usize> {
        self.told(self.format.find(address))
    }

    /// The place in the record that [`DatabaseFile::find`] found under `key`; unknown when the file is damaged there.
    pub(crate) fn place(&self, key: usize, address: IpAddr) -> Place {
        plausible(self.told(self.format.place(key, address)))
    }

    /// What was found; a failure is counted, and logged the first time.
    fn told<T: Default>(&self, found: Result<T, FormatError>) -> T {
        found.unwrap_or_else(|error| {
            counter!(GEO_FAILURES, "database" => label(&self.path)).increment(1);
            if !self.complained.swap(true, Ordering::Relaxed) {
                tracing::warn!(database = &*self.name, %error, "a geo database cannot be read; its places stay unknown");
            }
            T::default()
        })
    }
}

/// The maker's name for it, if it is one: `GeoLite2-City` is, ip-location-db's `city ipv4` could be anybody's, and then the
/// file's name says more.
fn name_of(format: &Format, path: &Path) -> String {
    let mut name = format.name();
    if name.is_empty() || name.contains(' ') {
        name = label(path);
    }
    match format.built() {
        Some(date) => format!("{name}@{date}"),
        None => name,
    }
}
