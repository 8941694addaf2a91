//! Finds events whose id came shortly before: what a sender or a spool sent twice.
//!
//! Whether a record is a duplicate depends only on the records before it in its partition, so every sink, and every start
//! after a crash, decides alike once the window has been filled from the log.

use std::collections::{HashMap, VecDeque};

use event::EventId;
use foldhash::quality::RandomState;

/// The ids of the last records of one partition.
pub struct DuplicateWindow {
    records: i64,
    order: VecDeque<(i64, EventId)>,
    /// With a key of its own, for senders choose the ids.
    last_seen: HashMap<EventId, i64, RandomState>,
}

impl DuplicateWindow {
    /// A window of this many records.
    pub fn new(records: usize) -> Self {
        let records = i64::try_from(records).unwrap_or(i64::MAX);
        Self { records, order: VecDeque::new(), last_seen: HashMap::default() }
    }

    /// Takes the id at `offset` (offsets only grow) and tells whether none of the window's records has it. A duplicate counts
    /// as a record too: what comes later must not depend on where the reading began.
    pub fn is_new(&mut self, offset: i64, id: EventId) -> bool {
        let oldest = offset.saturating_sub(self.records);
        while let Some((seen, old)) = self.order.pop_front_if(|(seen, _)| *seen < oldest) {
            if self.last_seen.get(&old) == Some(&seen) {
                self.last_seen.remove(&old);
            }
        }
        self.order.push_back((offset, id));
        self.last_seen.insert(id, offset).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_duplicate_within_the_window_and_new_after_it() {
        let (a, b) = (EventId::new(), EventId::new());
        let mut window = DuplicateWindow::new(3);
        let seen = [(0, a), (1, b), (3, a), (5, a), (8, b), (9, a)];
        assert_eq!(seen.map(|(offset, id)| window.is_new(offset, id)), [true, true, false, false, true, true]);
    }

    #[test]
    fn where_the_reading_began_does_not_matter_after_a_whole_window() {
        let ids: Vec<_> = (0..12).map(|_| EventId::new()).collect();
        let records: Vec<_> =
            (0..1_000_i64).map(|offset| (offset, ids[(offset * offset % 13 % 12) as usize])).collect();
        let judge = |from: usize| {
            let mut window = DuplicateWindow::new(4);
            records[from..].iter().map(|(offset, id)| window.is_new(*offset, *id)).collect::<Vec<_>>()
        };
        let from_the_start = judge(0);
        for start in 4..100 {
            assert_eq!(judge(start - 4)[4..], from_the_start[start..], "{start}");
        }
    }

    #[test]
    fn memory_is_bounded_by_the_window() {
        let mut window = DuplicateWindow::new(100);
        for offset in 0..10_000 {
            window.is_new(offset, EventId::new());
        }
        assert_eq!((window.order.len(), window.last_seen.len()), (101, 101));
    }
}
