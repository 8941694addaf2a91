//! One geo database file, held in memory.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{Datelike, NaiveDate};
use event::Place;
use metrics::counter;

use crate::format::{Format, FormatError};
use crate::metrics::{GEO_FAILURES, label};
use crate::plausible::plausible;

/// No record of either format can be told from another beyond this: positions have 32 bits.
const MAX_FILE_BYTES: u64 = 1 << 32;
const MAX_NAME_BYTES: usize = 64;
/// A file that tells of another year does not know when it was built: 0 seconds since 1970 is a common one.
const PLAUSIBLE_YEARS: RangeInclusive<i32> = 1990..=2100;

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
    built: Option<NaiveDate>,
    size_bytes: u64,
    format: Format,
    complained: AtomicBool,
}

impl DatabaseFile {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, is longer than 4 GiB, or is no geo database.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let bytes = read(path).map_err(|error| GeoError { path: path.to_owned(), source: error.into() })?;
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
        let built = format.built().filter(|date| PLAUSIBLE_YEARS.contains(&date.year()));
        let name = edition(&maker_name(&format.name()).unwrap_or_else(|| label(path)), built).into();
        Ok(Self { path: path.to_owned(), name, built, size_bytes, format, complained: AtomicBool::new(false) })
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `name@build-date`, or the name alone when the file does not tell when it was built.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// When it was built, if it tells a date that can be true.
    pub fn built(&self) -> Option<NaiveDate> {
        self.built
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

/// The content of a regular file. Others could have no end, or block.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let length = fs::metadata(path).and_then(|metadata| match metadata.is_file() {
        true if metadata.len() <= MAX_FILE_BYTES => Ok(metadata.len()),
        true => Err(io::Error::from(io::ErrorKind::FileTooLarge)),
        false => Err(io::Error::other("it is no regular file")),
    })?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize)?;
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The maker's name for it, if it is one: `GeoLite2-City` is. ip-location-db's `city ipv4` could be anybody's, and the name of
/// the file says more; a comma or an `@` could not be told from those between names and dates.
fn maker_name(name: &str) -> Option<String> {
    let is_name = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'@');
    ((1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_name)).then(|| name.to_owned())
}

fn edition(name: &str, built: Option<NaiveDate>) -> String {
    built.map_or_else(|| name.to_owned(), |date| format!("{name}@{date}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_name_is_taken_from_the_file() {
        for (told, expected) in [
            ("GeoLite2-City", Some("GeoLite2-City")),
            ("city ipv4", None),
            ("", None),
            ("a,b@2020-01-01", None),
            ("bell\u{7}", None),
            (&"n".repeat(65), None),
        ] {
            assert_eq!(maker_name(told).as_deref(), expected, "{told:?}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        for path in ["/dev/zero", "/"] {
            assert!(DatabaseFile::open(Path::new(path)).is_err(), "{path}");
        }
    }
}
