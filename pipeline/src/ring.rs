//! The newest batches, shared by all lanes: one task decodes, every lane near the head reads here.
//!
//! A full ring drops its oldest batch once every lane that reads it has taken it. When a lane is left with nothing to take,
//! the slower ones are waited for only as long as there is [`Patience`]; then the batch goes, and a lane that has not taken it
//! reads the log itself. So the head follows the fastest lane, lanes of like speed share its work, memory is bounded, and a
//! lane that is stuck hardly slows the others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::Positions;
use metrics::gauge;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::Batch;
use crate::metrics::RING_BYTES;
use crate::patience::Patience;

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
    suspected: Notify,
}

struct State {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
    /// Where the batches begin.
    start: Positions,
    /// How far each lane that reads here has come.
    lanes: HashMap<String, Positions>,
    patience: Patience,
    /// How often the ring was emptied, as the log was no longer what was read of it.
    restarts: u64,
}

/// Whether the oldest batch may go, to make room.
enum Oldest {
    /// Every lane that reads here has taken it.
    Taken,
    /// Some lane still needs it, and every lane has something to take; or no lane reads here.
    Needed,
    /// Some lane still needs it, and another has nothing left to take.
    HoldsUp,
}

impl State {
    fn oldest(&self) -> Oldest {
        let (Some(oldest), Some(newest)) = (self.batches.front(), self.batches.back()) else { return Oldest::Taken };
        if self.lanes.values().all(|at| oldest.is_before(at)) {
            return if self.lanes.is_empty() { Oldest::Needed } else { Oldest::Taken };
        }
        if self.lanes.values().any(|at| newest.is_before(at)) { Oldest::HoldsUp } else { Oldest::Needed }
    }

    /// Whether nothing after `at` has left the ring.
    fn holds(&self, at: &Positions) -> bool {
        self.start.iter().all(|(partition, start)| at.get(partition).is_some_and(|next| start <= next))
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.batches.pop_front() {
            self.bytes -= oldest.memory_bytes();
            oldest.pass(&mut self.start);
            self.lanes.retain(|_, at| oldest.is_before(at));
        }
    }
}

impl Ring {
    /// An empty ring. Until it has begun, lanes wait.
    pub fn new(limit_bytes: usize) -> Self {
        let state = State {
            batches: VecDeque::new(),
            bytes: 0,
            start: Positions::default(),
            lanes: HashMap::new(),
            patience: Patience::new(),
            restarts: 0,
        };
        Self {
            limit_bytes,
            state: Mutex::new(state),
            pushed: watch::Sender::new(()),
            taken: Notify::new(),
            suspected: Notify::new(),
        }
    }

    /// Tells where the head will read from.
    pub fn begin(&self, start: Positions) {
        self.state().start = start;
        self.pushed.send_replace(());
    }

    /// Tells the head that the log may not hold what was read of it.
    pub fn suspect(&self) {
        self.suspected.notify_one();
    }

    /// Waits until somebody suspects the log.
    pub async fn suspected(&self) {
        self.suspected.notified().await;
    }

    /// Empties the ring, until it begins again; every lane must ask its sink anew where it stands.
    pub fn restart(&self) {
        let mut state = self.state();
        state.batches.clear();
        state.bytes = 0;
        state.start = Positions::default();
        state.lanes.clear();
        state.restarts += 1;
        drop(state);
        self.pushed.send_replace(());
    }

    /// How often the ring was emptied.
    pub fn restarts(&self) -> u64 {
        self.state().restarts
    }

    /// Adds the next batch, once there is room for it. Only one task may push.
    pub async fn push(&self, batch: Batch) {
        let batch = Arc::new(batch);
        let mut holds_up = false;
        // A lane that takes a batch between the look and the wait leaves a permit behind.
        while let Err(patience) = self.try_push(&batch, holds_up) {
            holds_up = patience.is_some();
            match patience {
                Some(left) => drop(timeout(left, self.taken.notified()).await),
                None => self.taken.notified().await,
            }
        }
        self.pushed.send_replace(());
    }

    /// Tells how long to wait when there is no room; `None` until something is taken.
    fn try_push(&self, batch: &Arc<Batch>, held_up: bool) -> Result<(), Option<Duration>> {
        let mut state = self.state();
        let left = state.patience.count(held_up);
        while state.bytes + batch.memory_bytes() > self.limit_bytes && !state.batches.is_empty() {
            match state.oldest() {
                Oldest::Needed => return Err(None),
                Oldest::HoldsUp if !left.is_zero() => return Err(Some(left)),
                Oldest::HoldsUp | Oldest::Taken => state.drop_oldest(),
            }
        }
        state.bytes += batch.memory_bytes();
        state.batches.push_back(batch.clone());
        gauge!(RING_BYTES).set(state.bytes as f64);
        Ok(())
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
        let ahead =
            state.batches.iter().filter(|batch| !batch.is_before(at)).map(|batch| batch.memory_bytes()).sum::<usize>();
        state.holds(at) && ahead <= self.limit_bytes / 2
    }

    /// Forgets a lane that failed: what it had taken it will need again.
    pub fn leave(&self, lane: &str) {
        self.state().lanes.remove(lane);
        self.taken.notify_one();
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
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::batch::tests::batch;
    use crate::patience::MOST;

    fn at(next: i64) -> Positions {
        [(0, next)].into_iter().collect()
    }

    /// A ring with room for so many batches of one event.
    fn ring(batches: usize, start: i64) -> Ring {
        let ring = Ring::new(batches * batch(&[(0, 0..1)]).memory_bytes());
        ring.begin(at(start));
        ring
    }

    fn push(ring: &Ring, range: std::ops::Range<i64>) -> Option<()> {
        ring.push(batch(&[(0, range)])).now_or_never()
    }

    #[tokio::test(start_paused = true)]
    async fn the_head_follows_the_fastest_lane_and_the_slow_one_is_told_that_it_is_behind() {
        let ring = ring(2, 0);
        assert!(matches!(ring.find("fast", true, &at(0)), Found::Nothing));
        assert!(matches!(ring.find("slow", true, &at(0)), Found::Nothing));
        assert_eq!((push(&ring, 0..1), push(&ring, 1..2)), (Some(()), Some(())));
        assert_eq!(push(&ring, 2..3), None, "full, and nobody has taken the oldest");
        assert!(matches!(ring.find("fast", true, &at(1)), Found::Batch(batch) if batch.covers[&0] == (1..2)));
        assert_eq!(push(&ring, 2..3), None, "both have something to take");
        assert!(matches!(ring.find("fast", true, &at(2)), Found::Nothing));
        assert_eq!(push(&ring, 2..3), None, "the slow lane is waited for");
        let began = Instant::now();
        ring.push(batch(&[(0, 2..3)])).await;
        assert_eq!(began.elapsed(), MOST, "and no longer");
        assert!(matches!(ring.find("slow", true, &at(0)), Found::Behind));
        assert!(matches!(ring.find("slow", true, &at(1)), Found::Batch(batch) if batch.covers[&0] == (1..2)));
        assert!(matches!(ring.find("fast", true, &at(3)), Found::Nothing));
    }

    /// Takes `batches` of the ring, each in the same time; tells whether the lane never fell behind.
    async fn lane(ring: Arc<Ring>, name: &'static str, takes: Duration, batches: i64) -> bool {
        let (mut positions, mut pushes) = (at(0), ring.pushes());
        while positions != at(batches) {
            match ring.find(name, true, &positions) {
                Found::Batch(batch) => {
                    sleep(takes).await;
                    batch.pass(&mut positions);
                }
                Found::Nothing => pushes.changed().await.unwrap(),
                Found::Behind => return false,
            }
        }
        true
    }

    /// How long a lane of a batch each 10 ms takes for 1,000 of them beside another, and whether that one kept up.
    async fn beside(takes: Duration) -> (Duration, bool) {
        let (ring, batches) = (Arc::new(ring(10, 0)), 1_000);
        let (fast, slow) = (Duration::from_millis(10), tokio::spawn(lane(ring.clone(), "slow", takes, batches)));
        let fast = tokio::spawn(lane(ring.clone(), "fast", fast, batches));
        let began = Instant::now();
        for offset in 0..batches {
            ring.push(batch(&[(0, offset..offset + 1)])).await;
        }
        assert!(fast.await.unwrap());
        let took = began.elapsed();
        let kept_up = timeout(10 * MOST, slow).await.is_ok_and(|slow| slow.unwrap());
        (took, kept_up)
    }

    #[tokio::test(start_paused = true)]
    async fn lanes_of_like_speed_read_the_log_together_and_a_slower_one_is_left_behind() {
        let alone = Duration::from_secs(10);
        for (takes, longest, together) in [
            (Duration::from_millis(10), alone, true),
            (Duration::from_millis(15), alone * 3 / 2, true),
            (Duration::from_millis(40), alone + 2 * MOST, false),
            (Duration::from_secs(3_600), alone + MOST, false),
        ] {
            let (took, kept_up) = beside(takes).await;
            assert!(took <= longest + Duration::from_millis(50), "{takes:?}: {took:?}");
            assert_eq!(kept_up, together, "{takes:?}");
        }
    }

    #[test]
    fn a_lane_that_failed_does_not_pull_the_head_on() {
        let ring = ring(1, 0);
        assert_eq!(push(&ring, 0..1), Some(()));
        ring.find("lane", true, &at(1));
        ring.leave("lane");
        assert_eq!(push(&ring, 1..2), None);
        ring.find("lane", true, &at(1));
        assert_eq!(push(&ring, 1..2), Some(()));
    }

    #[test]
    fn a_lane_that_does_not_lead_does_not_pull_the_head_on() {
        let ring = ring(1, 0);
        assert_eq!(push(&ring, 0..1), Some(()));
        ring.find("light", false, &at(1));
        assert_eq!(push(&ring, 1..2), None);
    }

    #[test]
    fn a_lane_comes_back_to_the_ring_only_when_it_is_well_within() {
        let ring = ring(4, 10);
        assert!((10..14).all(|offset| push(&ring, offset..offset + 1).is_some()));
        let close = [9, 10, 11, 12, 14].map(|next| ring.is_close(&at(next)));
        assert_eq!(close, [false, false, false, true, true]);
    }

    #[test]
    fn a_lane_before_the_start_is_behind_and_one_after_the_end_waits() {
        let ring = ring(10, 10);
        assert!(matches!(ring.find("lane", true, &at(9)), Found::Behind));
        assert!(matches!(ring.find("lane", true, &at(12)), Found::Nothing));
        push(&ring, 10..14);
        assert!(matches!(ring.find("lane", true, &at(12)), Found::Batch(batch) if batch.covers[&0] == (10..14)));
    }
}
