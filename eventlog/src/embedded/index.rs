//! The sparse index of one segment: offset and time of a record every so many bytes. It lives in memory alone and is
//! rebuilt from the segment, so that it can never contradict the data.

/// Distance of two entries in bytes.
const INTERVAL_BYTES: u64 = 64 << 10;

/// Where a record's frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) offset: i64,
    pub(super) micros: i64,
    /// Byte position in the file.
    pub(super) at: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Index(Vec<Entry>);

impl Index {
    /// Takes note of the next record's place if the last entry is far enough away.
    pub(super) fn note(&mut self, entry: Entry) {
        if self.0.last().is_none_or(|last| entry.at >= last.at + INTERVAL_BYTES) {
            self.0.push(entry);
        }
    }

    /// Forgets what lies at or beyond a position that the file was cut at.
    pub(super) fn cut(&mut self, at: u64) {
        self.0.retain(|entry| entry.at < at);
    }

    /// The last entry at or before `offset`.
    pub(super) fn before_offset(&self, offset: i64) -> Option<Entry> {
        self.last_of(|entry| entry.offset <= offset)
    }

    /// The last entry of a record before `micros`.
    pub(super) fn before_time(&self, micros: i64) -> Option<Entry> {
        self.last_of(|entry| entry.micros < micros)
    }

    fn last_of(&self, earlier: impl Fn(&Entry) -> bool) -> Option<Entry> {
        self.0.partition_point(earlier).checked_sub(1).map(|last| self.0[last])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_up_gives_the_last_entry_before_what_is_sought() {
        let mut index = Index::default();
        for offset in 0..10 {
            index.note(Entry { offset, micros: 100 * offset, at: offset as u64 * INTERVAL_BYTES / 2 });
        }
        let offset_of = |entry: Option<Entry>| entry.map(|entry| entry.offset);
        assert_eq!(offset_of(index.before_offset(-1)), None);
        assert_eq!(offset_of(index.before_offset(5)), Some(4));
        assert_eq!(offset_of(index.before_offset(99)), Some(8));
        assert_eq!(offset_of(index.before_time(0)), None);
        assert_eq!(offset_of(index.before_time(400)), Some(2));
        assert_eq!(offset_of(index.before_time(401)), Some(4));
        index.cut(4 * INTERVAL_BYTES / 2);
        assert_eq!(offset_of(index.before_offset(99)), Some(2));
    }
}
