//! By what a log is known again.

use std::fmt;
use std::str::FromStr;

use crate::id::Fnv;

/// The offset of a record, and a hash of its payload. Kept beside a position, of the record before it: a log of the same name
/// that was made anew, or that has lost its newest records and got others, holds another record there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordMark {
    offset: i64,
    hash: u64,
}

impl RecordMark {
    /// The mark of the record at `offset`.
    pub fn of(offset: i64, payload: &[u8]) -> Self {
        let Fnv(hash) = Fnv::default().with(payload);
        let folded = (hash >> 64) ^ (hash & u128::from(u64::MAX));
        Self { offset, hash: u64::try_from(folded).unwrap_or_default() }
    }

    /// The record's offset.
    pub fn offset(self) -> i64 {
        self.offset
    }
}

/// `OFFSET:HASH`, the hash in 16 hexadecimal digits.
impl fmt::Display for RecordMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:016x}", self.offset, self.hash)
    }
}

/// What a stored mark may not look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a record's mark must be OFFSET:HASH, the hash in 16 hexadecimal digits")]
pub struct MarkError;

impl FromStr for RecordMark {
    type Err = MarkError;

    fn from_str(text: &str) -> Result<Self, MarkError> {
        let (offset, hash) = text.split_once(':').ok_or(MarkError)?;
        let offset = offset.parse().map_err(|_| MarkError)?;
        let hash = u64::from_str_radix(hash, 16).map_err(|_| MarkError)?;
        Ok(Self { offset, hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        let mark = RecordMark::of(19, b"payload");
        assert_eq!(mark.to_string().parse(), Ok(mark));
        assert_ne!(mark, RecordMark::of(19, b"another"));
        for wrong in ["", "19", "19:", "x:00", ":00", "19:0g"] {
            assert_eq!(wrong.parse::<RecordMark>(), Err(MarkError), "{wrong:?}");
        }
    }

    /// Marks are stored: another hash would make every log a stranger.
    #[test]
    fn a_mark_never_changes() {
        assert_eq!(RecordMark::of(7, b"a").to_string(), "7:aab9e019215005cb");
    }
}
