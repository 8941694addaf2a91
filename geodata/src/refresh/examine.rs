//! Whether a newer database file can take the place of the one in use.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use chrono::{Days, NaiveDate, Utc};
use event::Place;

use super::{Config, Refusal, probes};
use crate::DatabaseFile;

/// What the file in use must not know much better: each kind of field that databases differ in.
const FIELDS: [(&str, fn(&Place) -> bool); 7] = [
    ("country", |place| place.country.is_some()),
    ("state", |place| place.state.is_some()),
    ("city", |place| place.city.is_some()),
    ("postcode", |place| place.postcode.is_some()),
    ("coordinates", |place| place.latitude.is_some()),
    ("timezone", |place| place.timezone.is_some()),
    ("autonomous system", |place| place.asn.is_some()),
];

/// Opens a file's content as it was read from `path` and holds it against the file that it is to replace. `recent` are
/// addresses that matter besides the fixed probes, such as visitors'.
///
/// # Errors
/// Why it is not taken.
pub fn examine(
    path: &Path,
    bytes: Vec<u8>,
    in_use: Option<&DatabaseFile>,
    recent: Vec<IpAddr>,
    config: &Config,
) -> Result<DatabaseFile, Refusal> {
    let examined = catch_unwind(AssertUnwindSafe(|| {
        let file = open(path, bytes)?;
        if let Some(in_use) = in_use {
            is_no_step_back(&file, in_use, config)?;
        }
        answers_probes(&file, in_use, recent, config)?;
        Ok(file)
    }));
    examined.unwrap_or(Err(Refusal::Panicked))
}

fn open(path: &Path, bytes: Vec<u8>) -> Result<DatabaseFile, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    let file = DatabaseFile::from_bytes(path, bytes)?;
    match file.built().filter(|built| *built > latest_build()) {
        Some(built) => Err(Refusal::Future(built)),
        None => Ok(file),
    }
}

/// Tomorrow: the day begins earlier where it was built.
fn latest_build() -> NaiveDate {
    let today = Utc::now().date_naive();
    today.checked_add_days(Days::new(1)).unwrap_or(today)
}

fn is_no_step_back(file: &DatabaseFile, in_use: &DatabaseFile, config: &Config) -> Result<(), Refusal> {
    let (bytes, used_bytes) = (file.size_bytes(), in_use.size_bytes());
    if u128::from(bytes) * 100 < u128::from(used_bytes) * u128::from(config.min_size_percent) {
        return Err(Refusal::Smaller { bytes, in_use: used_bytes });
    }
    if file.built() < in_use.built() && !config.allow_older {
        return Err(Refusal::Older { name: file.name().to_string(), in_use: in_use.name().to_string() });
    }
    Ok(())
}

/// Looks all probes up: none may fail, and for each field that the file in use knows, enough must be known.
fn answers_probes(
    file: &DatabaseFile,
    in_use: Option<&DatabaseFile>,
    recent: Vec<IpAddr>,
    config: &Config,
) -> Result<(), Refusal> {
    let mut known = [(0, 0); FIELDS.len()];
    for address in probes::addresses(recent) {
        let found = file.probe(address).map_err(|error| Refusal::Damaged(error.into()))?;
        let used = in_use.and_then(|in_use| in_use.probe(address).ok().flatten());
        let (Some(used), found) = (used, found.unwrap_or_default()) else { continue };
        for ((_, knows), (by_found, by_used)) in FIELDS.iter().zip(&mut known) {
            *by_used += usize::from(knows(&used));
            *by_found += usize::from(knows(&used) && knows(&found));
        }
    }
    let lacks = |(found, used): &(usize, usize)| *found as u128 * 100 < *used as u128 * u128::from(config.min_known_percent);
    match FIELDS.iter().zip(known).find(|(_, known)| lacks(known)) {
        Some(((field, _), (known, in_use))) => Err(Refusal::KnowsLess { field, known, in_use }),
        None => Ok(()),
    }
}
