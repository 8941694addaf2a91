//! Tells a body into events: one JSON object, an array, or NDJSON, whichever it looks like.

use std::fmt;

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Why a body holds no events.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SplitError {
    /// Nothing, or an empty array.
    #[error("the body holds no event: send a JSON object, an array of objects, or one object a line")]
    Empty,
    /// Starts like an array and is none.
    #[error("the body is not a JSON array: {0}")]
    MalformedArray(String),
    /// More events than allowed.
    #[error("the body holds more than {limit} events")]
    TooMany {
        /// The most events taken.
        limit: usize,
    },
}

/// The JSON of each event, not yet looked into: at least one and at most `max_events`.
///
/// # Errors
/// When there is none, or too many, or an array cannot be told into its elements.
pub fn split(body: &[u8], max_events: usize) -> Result<Vec<&[u8]>, SplitError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    let events = match body.first() {
        None => Vec::new(),
        Some(b'[') => elements(body, max_events)?,
        Some(_) if is_one_value(body) => vec![body],
        Some(_) => lines(body).take(max_events.saturating_add(1)).collect(),
    };
    match events.len() {
        0 => Err(SplitError::Empty),
        count if count > max_events => Err(SplitError::TooMany { limit: max_events }),
        _ => Ok(events),
    }
}

/// The lines that are not empty.
pub fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_lines(body).map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// What stands before, between and behind the line feeds.
fn split_lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memchr_iter(b'\n', body).chain([body.len()]);
    let mut start = 0;
    ends.map(move |end| &body[std::mem::replace(&mut start, end + 1)..end])
}

/// Whether the body is one event, be it spread over lines or malformed, and not NDJSON. A malformed body counts as
/// NDJSON when any line of it looks like an object, so that a damaged line spoils only itself.
fn is_one_value(body: &[u8]) -> bool {
    if memchr::memchr(b'\n', body).is_none() {
        return true;
    }
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(_)) if values.byte_offset() == body.len() => true,
        _ => !split_lines(body).any(|line| line.starts_with(b"{") && line.trim_ascii_end().ends_with(b"}")),
    }
}

/// The elements of an array, one more than `max_events` when there are too many.
fn elements(body: &[u8], max_events: usize) -> Result<Vec<&[u8]>, SplitError> {
    let mut overflow = false;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let visitor = ElementsVisitor { max_events, overflow: &mut overflow };
    let elements = deserializer.deserialize_seq(visitor).and_then(|found| deserializer.end().map(|()| found));
    match elements {
        Ok(found) => Ok(found),
        Err(_) if overflow => Err(SplitError::TooMany { limit: max_events }),
        Err(error) => Err(SplitError::MalformedArray(error.to_string())),
    }
}

/// Stops at the first element too many: collecting them first would multiply a body of `1,1,1,…` in memory.
struct ElementsVisitor<'a> {
    max_events: usize,
    overflow: &'a mut bool,
}

impl<'de> Visitor<'de> for ElementsVisitor<'_> {
    type Value = Vec<&'de [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            if found.len() == self.max_events {
                *self.overflow = true;
                return Err(A::Error::custom("too many"));
            }
            found.push(element.get().as_bytes());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &[u8]) -> Vec<String> {
        let events = split(body, 5).unwrap();
        events.iter().map(|event| String::from_utf8_lossy(event).into_owned()).collect()
    }

    #[test]
    fn a_body_is_told_into_events_by_its_looks() {
        for (body, events) in [
            (&br#"{"a":1}"#[..], &[r#"{"a":1}"#][..]),
            (b"\xef\xbb\xbf {\"a\":1}\r\n", &[r#"{"a":1}"#]),
            (b"{\n \"a\":\n  {\"b\":1}\n}", &["{\n \"a\":\n  {\"b\":1}\n}"]),
            (b"[{\"a\":1}, 7,\n[]]", &[r#"{"a":1}"#, "7", "[]"]),
            (b"{\"a\":1}\r\n\r\n  {\"b\":2}\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
            (b"{\"a\":\n{\"b\":2}", &[r#"{"a":"#, r#"{"b":2}"#]),
            (b"rubbish\n{\"b\":2}\n\xff", &["rubbish", r#"{"b":2}"#, "\u{fffd}"]),
            (b"{\n \"a\": 1\n \"b\": 2\n}", &["{\n \"a\": 1\n \"b\": 2\n}"]),
            (b"rubbish", &["rubbish"]),
        ] {
            assert_eq!(texts(body), events, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_body_without_events_or_with_too_many_is_refused() {
        for (body, part) in [
            (&b""[..], "holds no event"),
            (b" \r\n", "holds no event"),
            (b"\xef\xbb\xbf", "holds no event"),
            (b"[]", "holds no event"),
            (b"[{\"a\":1}", "not a JSON array"),
            (b"[{\"a\":1}] {}", "not a JSON array"),
            (b"[\"\xff\"]", "not a JSON array"),
            (b"[1,2,3,4,5,6]", "more than 5"),
            (b"{}\n{}\n{}\n{}\n{}\n{}", "more than 5"),
        ] {
            let error = split(body, 5).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn nesting_without_end_is_split_without_a_crash() {
        let deep = "[".repeat(1_000_000);
        assert!(matches!(split(deep.as_bytes(), 5), Err(SplitError::MalformedArray(_))));
        let closed = deep.clone() + &"]".repeat(1_000_000);
        assert_eq!(split(closed.as_bytes(), 5).unwrap().len(), 1);
        let line = format!("{{\"a\":{deep}\n{{}}");
        assert_eq!(split(line.as_bytes(), 5).unwrap().len(), 2);
    }
}
