//! The parts of a body that hold one event each, read one by one while they are judged.

use axum::http::StatusCode;
use event::split::{self, SplitError, split};
use event::{Draft, read_json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::Request;
use super::source::NESTED_BYTES;
use crate::body::json_tree_bytes;
use crate::problem::Problem;
use crate::verdict::Fault;

/// What one byte of JSON, or of a text that holds JSON, becomes in memory at most.
const TREE_BYTES_A_BYTE: usize = 700;

/// The most bytes that a request's events may have in common, counted once for each event.
const MAX_REPEATED_BYTES: usize = 16 << 20;

/// Reserves what the largest part takes while it is read: its own tree, and those of the JSON texts inside of it.
///
/// # Errors
/// When there is no room for it.
pub fn reserve(request: &Request<'_>, parts: &[impl AsRef<[u8]>]) -> Result<(), Problem> {
    let fitting = parts.iter().map(AsRef::as_ref).filter(|part| part.len() <= request.max_event_bytes);
    let needed = |part: &[u8]| json_tree_bytes(part) + (part.len() * TREE_BYTES_A_BYTE).min(NESTED_BYTES);
    Ok(request.memory.reserve(fitting.map(needed).max().unwrap_or_default())?)
}

/// The events of these parts, one in memory at a time.
pub fn events<'a, P: AsRef<[u8]> + 'a>(
    parts: Vec<P>,
    max_bytes: usize,
    read: impl Fn(&[u8]) -> Result<Draft, Fault> + 'a,
) -> impl ExactSizeIterator<Item = Result<Draft, Fault>> + 'a {
    parts.into_iter().map(move |part| match part.as_ref() {
        part if part.len() > max_bytes => Err(Fault::too_large(max_bytes)),
        part => read(part),
    })
}

/// The whole of a JSON body, without what some senders put around it.
pub fn trimmed(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii()
}

/// Reads what stands around a body's events, without looking into these.
///
/// # Errors
/// When it is not the JSON object that it should be.
pub fn envelope<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Problem> {
    let not_json = |error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not a JSON object: {error}"));
    serde_json::from_slice(json).map_err(not_json)
}

/// A value that all of so many events have in common.
///
/// # Errors
/// When it is too large to be repeated so often, or there is no room for it and a copy.
pub fn shared<T: DeserializeOwned>(
    name: &str,
    raw: &RawValue,
    events: usize,
    request: &Request<'_>,
) -> Result<T, Problem> {
    check_repeated(name, raw.get().len(), events)?;
    request.memory.reserve(2 * json_tree_bytes(raw.get().as_bytes()))?;
    let not_it = |error| Problem::new(StatusCode::BAD_REQUEST, format!("{name} is not what it should be: {error}"));
    read_json(raw.get().as_bytes()).map_err(not_it)
}

/// Whether so many events may have so many bytes in common: a body of a megabyte would become terabytes of work.
///
/// # Errors
/// When they may not.
pub fn check_repeated(name: &str, bytes: usize, events: usize) -> Result<(), Problem> {
    if bytes.saturating_mul(events) <= MAX_REPEATED_BYTES {
        return Ok(());
    }
    let detail = format!("{name} is too large to be that of {events} events");
    Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
}

/// The lines that are not empty.
///
/// # Errors
/// Too many of them.
pub fn lines(body: &[u8], max_events: usize) -> Result<Vec<&[u8]>, SplitError> {
    let lines: Vec<_> = split::lines(body).take(max_events.saturating_add(1)).collect();
    if lines.len() > max_events { Err(SplitError::TooMany { limit: max_events }) } else { Ok(lines) }
}

/// The elements of an array, of which there may be none.
///
/// # Errors
/// Not an array, or too many of them.
pub fn elements(array: &RawValue, max_events: usize) -> Result<Vec<&[u8]>, SplitError> {
    match split(array.get().as_bytes(), max_events) {
        Err(SplitError::Empty) => Ok(Vec::new()),
        elements => elements,
    }
}
