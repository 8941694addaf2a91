//! Which way appends go, and what has to be over before that changes. Pure: the `gate` locks it and wakes who waits.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use event::Timestamp;

use eventlog::LogError;

/// Which way appends go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Straight to the remote.
    Direct,
    /// Into the store.
    Spool,
    /// They wait a moment: the replay has nearly caught up.
    Drain,
}

/// What the replay does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Read and send a batch.
    Replay,
    /// Wait for appends on their way into the store.
    Wait,
    /// Nothing is left; appends go straight to the remote again.
    Done,
}

/// What waits in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// Everything before this offset was replayed.
    pub(super) replayed: i64,
    /// Offset after the last record known to be stored.
    pub(super) end: i64,
    /// Of the frames that wait.
    pub(super) bytes: u64,
}

impl Stored {
    pub(super) fn records(&self) -> u64 {
        u64::try_from(self.end - self.replayed).unwrap_or_default()
    }
}

/// What happened since appends last went straight to the remote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    pub(super) since: Instant,
    pub(super) spooled: u64,
    pub(super) replayed: u64,
}

pub(super) struct State {
    pub(super) way: Way,
    /// Appends that the remote has not settled, also those that nobody waits for any more.
    pub(super) unsettled: usize,
    /// Appends to the remote whose callers have no answer: when the way turns they go into the store before any other.
    pub(super) attended: usize,
    /// Appends on their way into the store.
    entering: usize,
    entering_bytes: u64,
    pub(super) stored: Stored,
    /// What waits in the lane of each partition that has one.
    pub(super) lanes: BTreeMap<i32, Stored>,
    /// When the oldest record that waits was stored.
    pub(super) oldest: Option<Timestamp>,
    /// Since when the remote has answered nothing but that it is busy.
    busy_since: Option<Instant>,
    pub(super) outage: Outage,
    max_bytes: u64,
}

impl State {
    pub(super) fn new(stored: Stored, lanes: BTreeMap<i32, Stored>, max_bytes: u64) -> Self {
        Self {
            way: if stored.records() > 0 || !lanes.is_empty() { Way::Spool } else { Way::Direct },
            unsettled: 0,
            attended: 0,
            entering: 0,
            entering_bytes: 0,
            stored,
            lanes,
            oldest: None,
            busy_since: None,
            outage: Outage { since: Instant::now(), spooled: 0, replayed: 0 },
            max_bytes,
        }
    }

    /// Lets an append go straight to the remote, if that is the way.
    pub(super) fn admit(&mut self) -> bool {
        let is_direct = self.way == Way::Direct;
        self.unsettled += usize::from(is_direct);
        self.attended += usize::from(is_direct);
        is_direct
    }

    /// Whether the remote holds no append any more whose records may still come to be durable there, and all that failed is
    /// in the store.
    pub(super) fn is_settled(&self) -> bool {
        self.unsettled == 0 && self.attended == 0
    }

    /// The remote has answered an append, if only with an error.
    pub(super) fn settle(&mut self, busy: bool) {
        self.unsettled -= 1;
        match busy {
            true => _ = self.busy_since.get_or_insert_with(Instant::now),
            false => self.busy_since = None,
        }
    }

    pub(super) fn is_busy_for(&self, time: Duration) -> bool {
        self.busy_since.is_some_and(|since| since.elapsed() >= time)
    }

    /// An append sets out for the store; none that comes after it goes straight before it was replayed.
    pub(super) fn enter(&mut self, bytes: u64) -> Result<(), LogError> {
        if self.way == Way::Direct {
            self.way = Way::Spool;
            self.outage = Outage { since: Instant::now(), spooled: 0, replayed: 0 };
        }
        if self.total().1 + self.entering_bytes + bytes > self.max_bytes {
            return Err(LogError::Full { reason: format!("the spool's limit is {} bytes", self.max_bytes) });
        }
        self.entering += 1;
        self.entering_bytes += bytes;
        Ok(())
    }

    /// An append that has set out has arrived, if it has, at `first`. Tells whether it is the outage's first.
    pub(super) fn arrive(&mut self, bytes: u64, arrived: Option<(i64, u64)>) -> bool {
        self.entering -= 1;
        self.entering_bytes -= bytes;
        let Some((first, records)) = arrived else { return false };
        let end = first + records as i64;
        // The replay may have been faster.
        if end > self.stored.replayed {
            self.stored.bytes += bytes;
            self.oldest = self.oldest.or_else(|| Some(Timestamp::now()));
        }
        self.stored.end = self.stored.end.max(end);
        self.outage.spooled += records;
        self.outage.spooled == records
    }

    /// A batch is in the remote, or refused.
    pub(super) fn replay(&mut self, next: i64, records: u64, bytes: u64) {
        self.stored.replayed = next;
        self.stored.end = self.stored.end.max(next);
        self.stored.bytes = match self.stored.records() {
            0 => 0,
            _ => self.stored.bytes.saturating_sub(bytes),
        };
        self.outage.replayed += records;
    }

    /// Records and bytes that wait, wherever.
    pub(super) fn total(&self) -> (u64, u64) {
        let all = || self.lanes.values().chain([&self.stored]);
        (all().map(Stored::records).sum(), all().map(|stored| stored.bytes).sum())
    }

    /// Records were made durable in a lane, from `first` on. Tells whether the lane is new.
    pub(super) fn park(&mut self, partition: i32, first: i64, records: u64, bytes: u64) -> bool {
        let is_new = !self.lanes.contains_key(&partition);
        let lane = self.lanes.entry(partition).or_insert(Stored { replayed: first, end: first, bytes: 0 });
        lane.end = first + records as i64;
        lane.bytes += bytes;
        is_new
    }

    /// A batch of a lane is in the remote, or refused.
    pub(super) fn replay_of(&mut self, partition: i32, next: i64, records: u64, bytes: u64) {
        if let Some(lane) = self.lanes.get_mut(&partition) {
            lane.replayed = next;
            lane.bytes = lane.bytes.saturating_sub(bytes);
            self.outage.replayed += records;
        }
    }

    /// Whether the lane was empty, and is no more.
    pub(super) fn close_lane_if_empty(&mut self, partition: i32) -> bool {
        let is_empty = self.lanes.get(&partition).is_none_or(|lane| lane.records() == 0);
        if is_empty {
            self.lanes.remove(&partition);
        }
        is_empty
    }

    /// What the replay is to do. Appends are made to wait for it when no more is left than it sends in a moment, which is
    /// `moment_bytes`.
    pub(super) fn next(&mut self, moment_bytes: u64) -> Next {
        let empty = self.stored.records() == 0;
        if empty && self.entering == 0 && self.lanes.is_empty() {
            self.way = Way::Direct;
            self.oldest = None;
            return Next::Done;
        }
        if self.stored.bytes < moment_bytes && self.lanes.is_empty() {
            self.way = Way::Drain;
        }
        if empty { Next::Wait } else { Next::Replay }
    }

    /// Whether there is more to do than [`Next::Wait`].
    pub(super) fn may_go_on(&self) -> bool {
        (self.entering == 0 && self.lanes.is_empty()) || self.stored.records() > 0
    }

    /// Appends no longer wait for the replay.
    pub(super) fn give_up_draining(&mut self) {
        if self.way == Way::Drain {
            self.way = Way::Spool;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State::new(Stored::default(), BTreeMap::new(), 100)
    }

    #[test]
    fn the_way_back_opens_only_once_everything_has_arrived_and_was_replayed() {
        let mut state = state();
        state.enter(5).unwrap();
        state.enter(5).unwrap();
        assert_eq!(state.next(0), Next::Wait);
        assert!(state.arrive(5, Some((0, 2))), "it is the first");
        assert_eq!(state.next(0), Next::Replay);
        state.replay(2, 2, 5);
        assert_eq!((state.next(0), state.way), (Next::Wait, Way::Spool), "the second is still on its way");
        assert!(!state.arrive(5, Some((2, 1))));
        assert_eq!(state.next(11), Next::Replay);
        state.replay(3, 1, 5);
        assert_eq!((state.next(11), state.way), (Next::Done, Way::Direct));
        assert_eq!((state.outage.spooled, state.outage.replayed, state.stored.bytes), (3, 3, 0));
    }

    #[test]
    fn appends_wait_for_the_replay_only_when_it_has_nearly_caught_up() {
        for (bytes, moment_bytes, way) in [(10, 11, Way::Drain), (10, 10, Way::Spool), (10, 0, Way::Spool)] {
            let mut state = state();
            state.enter(bytes).unwrap();
            state.arrive(bytes, Some((0, 1)));
            assert_eq!((state.next(moment_bytes), state.way), (Next::Replay, way), "{moment_bytes}");
            state.give_up_draining();
            assert_eq!(state.way, Way::Spool);
        }
    }

    #[test]
    fn a_record_that_was_replayed_before_its_append_was_told_is_not_counted_twice() {
        let mut state = state();
        state.enter(5).unwrap();
        state.replay(1, 1, 5);
        state.arrive(5, Some((0, 1)));
        assert_eq!((state.stored.records(), state.stored.bytes, state.next(11)), (0, 0, Next::Done));
    }

    #[test]
    fn what_does_not_arrive_takes_no_room() {
        let mut state = state();
        state.enter(60).unwrap();
        assert!(matches!(state.enter(41), Err(LogError::Full { .. })));
        state.arrive(60, None);
        state.enter(100).unwrap();
        state.arrive(100, Some((0, 1)));
        assert!(matches!(state.enter(1), Err(LogError::Full { .. })));
    }

    #[test]
    fn what_was_stored_before_goes_first() {
        assert_eq!(state().way, Way::Direct);
        let stored = Stored { replayed: 3, end: 4, bytes: 9 };
        assert_eq!(State::new(stored, BTreeMap::new(), 100).way, Way::Spool);
        assert_eq!(State::new(Stored::default(), BTreeMap::from([(0, stored)]), 100).way, Way::Spool);
    }

    #[test]
    fn a_remote_is_busy_for_long_only_if_it_never_was_anything_else() {
        let mut state = state();
        state.unsettled = 3;
        state.settle(true);
        state.settle(true);
        assert!(state.is_busy_for(Duration::ZERO) && !state.is_busy_for(Duration::from_secs(60)));
        state.settle(false);
        assert!(!state.is_busy_for(Duration::ZERO));
    }

    #[test]
    fn the_way_back_stays_closed_and_nobody_waits_for_it_while_a_lane_holds_records() {
        let mut state = state();
        state.enter(5).unwrap();
        state.arrive(5, Some((0, 1)));
        assert!(state.park(7, 0, 1, 5));
        assert!(!state.park(7, 1, 1, 5));
        state.replay(1, 0, 5);
        assert_eq!((state.next(100), state.way, state.may_go_on()), (Next::Wait, Way::Spool, false));
        assert_eq!(state.total(), (2, 10));
        assert!(matches!(state.enter(91), Err(LogError::Full { .. })), "what waits in a lane takes room");
        state.replay_of(7, 2, 2, 10);
        assert!(state.close_lane_if_empty(7) && state.may_go_on());
        assert_eq!(state.next(100), Next::Done);
    }
}
