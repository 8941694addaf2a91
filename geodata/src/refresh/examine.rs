//! Whether a newer database file can take the place of the one in use.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use chrono::{Days, NaiveDate, Utc};
use event::Place;

use super::{Config, Refusal, probes};
use crate::DatabaseFile;

/// A kind of field that databases differ in.
struct Field {
    name: &'static str,
    is_known: fn(&Place) -> bool,
}

const FIELDS: [Field; 7] = [
    Field { name: "country", is_known: |place| place.country.is_some() },
    Field { name: "state", is_known: |place| place.state.is_some() },
    Field { name: "city", is_known: |place| place.city.is_some() },
    Field { name: "postcode", is_known: |place| place.postcode.is_some() },
    Field { name: "coordinates", is_known: |place| place.latitude.is_some() },
    Field { name: "timezone", is_known: |place| place.timezone.is_some() },
    Field { name: "autonomous system", is_known: |place| place.asn.is_some() },
];

/// For how many probes a field is known.
#[derive(Clone, Copy, Default)]
struct Known {
    in_use: u64,
    /// Of those.
    newer: u64,
}

/// Opens a file's content as it was read from `path` and holds it against the file that it is to replace. `recent` are
/// addresses that matter besides the fixed probes, such as visitors'.
///
/// Every record is read only where there is something to keep: a file with one damaged record is better than none.
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
            file.verify().map_err(|error| Refusal::Damaged(error.into()))?;
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
    if is_below(bytes, used_bytes, config.min_size_percent) {
        return Err(Refusal::Smaller { bytes, in_use: used_bytes });
    }
    if file.built() < in_use.built() && !config.allow_older {
        return Err(Refusal::Older { name: file.name().to_string(), in_use: in_use.name().to_string() });
    }
    Ok(())
}

fn is_below(part: u64, whole: u64, percent: u64) -> bool {
    u128::from(part) * 100 < u128::from(whole) * u128::from(percent)
}

/// Looks all probes up: none may fail, and for each field that the file in use knows, enough must be known.
fn answers_probes(
    file: &DatabaseFile,
    in_use: Option<&DatabaseFile>,
    recent: Vec<IpAddr>,
    config: &Config,
) -> Result<(), Refusal> {
    let mut known = [Known::default(); FIELDS.len()];
    for address in probes::addresses(recent) {
        let place = file.probe(address).map_err(|error| Refusal::Damaged(error.into()))?.unwrap_or_default();
        let Some(used) = in_use.and_then(|in_use| in_use.probe(address).ok().flatten()) else { continue };
        for (field, known) in FIELDS.iter().zip(&mut known) {
            if (field.is_known)(&used) {
                known.in_use += 1;
                known.newer += u64::from((field.is_known)(&place));
            }
        }
    }
    let is_less = |known: &Known| is_below(known.newer, known.in_use, config.min_known_percent);
    match FIELDS.iter().zip(known).find(|(_, known)| is_less(known)) {
        Some((field, Known { newer, in_use })) => Err(Refusal::KnowsLess { field: field.name, known: newer, in_use }),
        None => Ok(()),
    }
}
