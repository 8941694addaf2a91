//! The memory that reading a body may take beyond the body itself.

use std::cell::RefCell;

use bytes::Bytes;

use super::{BodyError, Encoding, Share};

/// A JSON object's tree node with room for eleven keys and values, and the object's own value.
const OBJECT_BYTES: usize = 700;
/// An array's first allocation, and the array's own value.
const ARRAY_BYTES: usize = 160;
/// A value in an array or object, in a buffer that doubles as it grows.
const VALUE_BYTES: usize = 64;

/// The memory that one request's reading may take, of the budget that all requests share.
pub struct Memory<'a> {
    share: RefCell<&'a mut Share>,
    max_body_bytes: usize,
}

impl<'a> Memory<'a> {
    /// Memory taken of `share`. Nothing is decompressed to more than `max_body_bytes`.
    pub fn of(share: &'a mut Share, max_body_bytes: usize) -> Self {
        Self { share: RefCell::new(share), max_body_bytes }
    }

    /// Reserves so many bytes until the events are judged.
    ///
    /// # Errors
    /// `Exhausted` when there is no room for them.
    pub fn reserve(&self, bytes: usize) -> Result<(), BodyError> {
        Ok(self.share.borrow_mut().take(bytes)?)
    }

    /// Decompresses what a protocol has gzipped by itself, as some trackers do, and reserves what it takes.
    ///
    /// # Errors
    /// `TooLarge`, `Exhausted` or `Undecodable`.
    pub fn gunzip(&self, gzipped: &[u8]) -> Result<Bytes, BodyError> {
        let gzipped = Bytes::copy_from_slice(gzipped);
        Encoding::Gzip.decode(gzipped, self.max_body_bytes, &mut self.share.borrow_mut())
    }
}

/// The most bytes that the values of a JSON text take in memory, whatever it holds: a few bytes such as `{"":0}` become
/// a hundred times as many.
pub fn json_tree_bytes(json: &[u8]) -> usize {
    let [objects, arrays, values] = counts(json, *b"{[,");
    json.len() + objects * OBJECT_BYTES + arrays * ARRAY_BYTES + values * VALUE_BYTES
}

/// Bytes that are counted in a byte: whole vectors of them.
const COUNTED_BYTES: usize = 240;

/// How often each of these bytes stands in `json`.
fn counts<const N: usize>(json: &[u8], wanted: [u8; N]) -> [usize; N] {
    let mut totals = [0; N];
    // In counts of a byte each, many of which are made at once.
    for chunk in json.chunks(COUNTED_BYTES) {
        for (total, wanted) in totals.iter_mut().zip(wanted) {
            *total += usize::from(chunk.iter().fold(0, |count, byte| count + u8::from(*byte == wanted)));
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::body::Budget;

    /// The bytes of a tree's values and texts, with what maps and vectors allocate for a few elements.
    fn least_bytes(value: &Value) -> usize {
        let inside = match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(least_bytes).sum::<usize>().max(4 * size_of::<Value>()),
            Value::Object(members) => {
                let node = 11 * (size_of::<Value>() + size_of::<String>());
                node + members.iter().map(|(key, value)| key.len() + least_bytes(value)).sum::<usize>()
            }
            _ => 0,
        };
        size_of::<Value>() + inside
    }

    #[test]
    fn a_tree_never_takes_more_than_is_reserved_for_it() {
        for json in [
            format!("[{}1]", "1,".repeat(1_000)),
            format!("[{}0]", "{\"\":0},".repeat(1_000)),
            format!("[{}0]", "[0],".repeat(1_000)),
            format!("{}0{}", "[".repeat(100), "]".repeat(100)),
            format!("{{\"a\":\"{}\"}}", "x".repeat(1_000)),
        ] {
            let needed = least_bytes(&serde_json::from_str(&json).unwrap());
            assert!(json_tree_bytes(json.as_bytes()) >= needed, "{needed}: {:.20}", json);
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_not_reserved() {
        let mut share = Budget::new(1_000).share();
        let memory = Memory::of(&mut share, 1_000);
        memory.reserve(900).unwrap();
        assert!(matches!(memory.reserve(101), Err(BodyError::Exhausted(_))));
        assert!(memory.reserve(100).is_ok());
    }
}
