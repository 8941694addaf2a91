//! The identity of an event: a UUID, version 7 when pageberg makes it.

use std::fmt;

use uuid::{Builder, Uuid};

use crate::{LogPosition, Timestamp};

/// A UUID, shown in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId(Uuid);

impl EventId {
    /// A new UUIDv7 of this moment.
    pub fn new() -> Self {
        let millis = u64::try_from(Timestamp::now().millis()).unwrap_or_default();
        // `Uuid::now_v7` asks the system for the random bits of each id; a number is drawn at once, bytes one by one.
        let (bits, more): (u64, u16) = rand::random();
        let mut random = [0; 10];
        random[..8].copy_from_slice(&bits.to_le_bytes());
        random[8..].copy_from_slice(&more.to_le_bytes());
        Self(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Reads any of the UUID's usual spellings; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The UUIDv7 of an event that came without one: its time and bits drawn from `seed`, so that the same
    /// seed always gives the same id.
    pub fn derived(time: Timestamp, seed: &[u8]) -> Self {
        Self::hashed(time, Fnv::default().with(seed))
    }

    fn hashed(time: Timestamp, seed: Fnv) -> Self {
        let millis = u64::try_from(time.millis()).unwrap_or_default();
        let hash = seed.0.to_be_bytes();
        let mut random = [0; 10];
        random.copy_from_slice(&hash[6..]);
        Self(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The id of a record that another producer wrote without one: the same each time that the log is read.
    pub fn of_record(time: Timestamp, position: &LogPosition) -> Self {
        // The position's text, without what formatting costs.
        let number = |seed: Fnv, number: i64| seed.with(b"/").with(itoa::Buffer::new().format(number).as_bytes());
        let topic = Fnv::default().with(position.topic.as_bytes());
        Self::hashed(time, number(number(topic, position.partition.into()), position.offset))
    }

    /// The UUID's text, in lower case with hyphens, written into `buffer`.
    pub fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.as_hyphenated().encode_lower(buffer)
    }

    /// The 16 bytes of the UUID.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

impl Default for EventId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// 128-bit FNV-1a (draft-eastlake-fnv) of what is added to it, piece by piece: ids must not change with a library's version,
/// as a `Hasher` might.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Fnv(pub u128);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv {
    pub fn with(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| {
            (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_derived_from_a_position_is_a_v7_uuid_and_always_the_same() {
        let time = Timestamp::parse("2026-01-31T09:30:00Z").unwrap();
        let at = |offset| EventId::of_record(time, &LogPosition { topic: "raw".into(), partition: 0, offset });
        assert_eq!(at(7), EventId::derived(time, b"raw/0/7"));
        assert_ne!(at(7), at(8));
        assert_eq!(Uuid::try_parse(&at(7).to_string()).unwrap().get_version_num(), 7);
    }

    #[test]
    fn fnv_gives_the_published_value() {
        assert_eq!(Fnv::default().with(b"a").0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
