//! Dead letters that go through the log once more, to the sink that lacks them only.

use bytes::Bytes;
use event::{DeadLetter, FieldError};

const PREFIX: &[u8] = b"{\"pageberg_replay\":";
const SUFFIX: &[u8] = b"}";

/// The raw record that brings a dead letter back. The gateway never writes a record that begins like it.
pub fn replay_record(letter: &DeadLetter) -> Bytes {
    [PREFIX, &letter.to_record(), SUFFIX].concat().into()
}

/// The dead letter in a raw record; `None` when the record is no replay.
pub(crate) fn replayed(record: &[u8]) -> Option<Result<DeadLetter, FieldError>> {
    let inner = record.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    Some(DeadLetter::parse(inner))
}

/// The bytes that the sender's record held, be it a replay or not.
pub(crate) fn original(record: &[u8]) -> Vec<u8> {
    match replayed(record) {
        Some(Ok(letter)) => letter.payload,
        _ => record.to_vec(),
    }
}
