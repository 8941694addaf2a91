//! The newest batches, shared by all lanes: one task decodes, every lane near the head reads here.
//!
//! The ring drops its oldest batch when it is full, provided that some lane has taken it; a lane that has not then reads
//! the log itself. So the head follows the fastest lane, memory is bounded, and no lane waits for another.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event::Positions;
use metrics::gauge;
use tokio::sync::{Notify, watch};

use crate::Batch;
use crate::metrics::RING_BYTES;

/// What a lane finds at its positions.
#[derive(Debug)]
pub(crate) enum Found {
    /// The batch to go on with; it may begin before the lane's positions.
    Batch(Arc<Batch>),
    /// Nothing newer yet.
    Nothing,
    /// What comes next has left the ring, or was never in it.
    Behind,
}

/// The bounded sequence of the newest batches.
pub(crate) struct Ring {
    limit_bytes: usize,
    state: Mutex<State>,
    pushed: watch::Sender<()>,
    taken: Notify,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
    /// Where the batches begin.
    start: Positions,
    /// How far each lane that reads here has come.
    lanes: HashMap<String, Positions>,
}

impl State {
    fn oldest_is_taken(&self) -> bool {
        self.batches.front().is_none_or(|oldest| self.lanes.values().any(|at| oldest.is_before(at)))
    }

    /// Whether nothing after `at` has left the ring.
    fn holds(&self, at: &Positions) -> bool {
        self.start.iter().all(|(partition, start)| at.get(partition).is_some_and(|next| start <= next))
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.batches.pop_front() {
            self.bytes -= oldest.bytes;
            oldest.pass(&mut self.start);
        }
    }
}

impl Ring {
    /// An empty ring. Until it has begun, lanes wait.
    pub fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, state: Mutex::default(), pushed: watch::Sender::new(()), taken: Notify::new() }
    }

    /// Tells where the head will read from.
    pub fn begin(&self, start: Positions) {
        self.state().start = start;
        self.pushed.send_replace(());
    }

    /// Adds the next batch, once there is room for it.
    pub async fn push(&self, batch: Batch) {
        let batch = Arc::new(batch);
        while !self.try_push(&batch) {
            // A lane that takes a batch between the look and the wait leaves a permit behind.
            self.taken.notified().await;
        }
        self.pushed.send_replace(());
    }

    fn try_push(&self, batch: &Arc<Batch>) -> bool {
        let mut state = self.state();
        while state.bytes + batch.bytes > self.limit_bytes && !state.batches.is_empty() {
            if !state.oldest_is_taken() {
                return false;
            }
            state.drop_oldest();
        }
        state.bytes += batch.bytes;
        state.batches.push_back(batch.clone());
        gauge!(RING_BYTES).set(state.bytes as f64);
        true
    }

    /// What a lane at `at` goes on with. Where a lane that leads has come is remembered: the head follows it.
    pub fn find(&self, lane: &str, leads: bool, at: &Positions) -> Found {
        let mut state = self.state();
        if !state.holds(at) {
            state.lanes.remove(lane);
            return Found::Behind;
        }
        if leads {
            state.lanes.insert(lane.to_owned(), at.clone());
            self.taken.notify_one();
        }
        match state.batches.iter().find(|batch| !batch.is_before(at)) {
            Some(batch) => Found::Batch(batch.clone()),
            None => Found::Nothing,
        }
    }

    /// Whether a lane that reads the log itself has caught up so far that it will not be left behind again at once.
    pub fn is_close(&self, at: &Positions) -> bool {
        let state = self.state();
        let ahead = state.batches.iter().filter(|batch| !batch.is_before(at)).map(|batch| batch.bytes).sum::<usize>();
        state.holds(at) && ahead <= self.limit_bytes / 2
    }

    /// Forgets a lane that failed: what it had taken it will need again.
    pub fn leave(&self, lane: &str) {
        self.state().lanes.remove(lane);
    }

    /// Wakes at every push from now on.
    pub fn pushes(&self) -> watch::Receiver<()> {
        self.pushed.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::batch::tests::batch;

    fn at(next: i64) -> Positions {
        [(0, next)].into_iter().collect()
    }

    fn ring(limit_bytes: usize, start: i64) -> Ring {
        let ring = Ring::new(limit_bytes);
        ring.begin(at(start));
        ring
    }

    fn push(ring: &Ring, range: std::ops::Range<i64>) -> Option<()> {
        ring.push(batch(&[(0, range)])).now_or_never()
    }

    #[test]
    fn the_head_follows_the_fastest_lane_and_the_slow_one_is_told_that_it_is_behind() {
        let ring = ring(250, 0);
        assert!(matches!(ring.find("fast", true, &at(0)), Found::Nothing));
        assert!(matches!(ring.find("slow", true, &at(0)), Found::Nothing));
        assert_eq!((push(&ring, 0..1), push(&ring, 1..2)), (Some(()), Some(())));
        assert_eq!(push(&ring, 2..3), None, "full, and nobody has taken the oldest");
        assert!(matches!(ring.find("fast", true, &at(1)), Found::Batch(batch) if batch.covers[&0] == (1..2)));
        assert_eq!(push(&ring, 2..3), Some(()));
        assert!(matches!(ring.find("slow", true, &at(0)), Found::Behind));
        assert!(matches!(ring.find("slow", true, &at(1)), Found::Batch(batch) if batch.covers[&0] == (1..2)));
        assert!(matches!(ring.find("fast", true, &at(3)), Found::Nothing));
    }

    #[test]
    fn a_lane_that_failed_does_not_pull_the_head_on() {
        let ring = ring(150, 0);
        assert_eq!(push(&ring, 0..1), Some(()));
        ring.find("lane", true, &at(1));
        ring.leave("lane");
        assert_eq!(push(&ring, 1..2), None);
        ring.find("lane", true, &at(1));
        assert_eq!(push(&ring, 1..2), Some(()));
    }

    #[test]
    fn a_lane_that_does_not_lead_does_not_pull_the_head_on() {
        let ring = ring(150, 0);
        assert_eq!(push(&ring, 0..1), Some(()));
        ring.find("light", false, &at(1));
        assert_eq!(push(&ring, 1..2), None);
    }

    #[test]
    fn a_lane_comes_back_to_the_ring_only_when_it_is_well_within() {
        let ring = ring(400, 10);
        assert!((10..14).all(|offset| push(&ring, offset..offset + 1).is_some()));
        let close = [9, 10, 11, 12, 14].map(|next| ring.is_close(&at(next)));
        assert_eq!(close, [false, false, false, true, true]);
    }

    #[test]
    fn a_lane_before_the_start_is_behind_and_one_after_the_end_waits() {
        let ring = ring(1_000, 10);
        assert!(matches!(ring.find("lane", true, &at(9)), Found::Behind));
        assert!(matches!(ring.find("lane", true, &at(12)), Found::Nothing));
        push(&ring, 10..14);
        assert!(matches!(ring.find("lane", true, &at(12)), Found::Batch(batch) if batch.covers[&0] == (10..14)));
    }
}
