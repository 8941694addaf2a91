//! Lets appends through to the remote or into the store, and holds the two apart.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::DIRECT_RECORDS;
use super::late::Late;
use super::state::{Next, State, Way};
use crate::metrics::SpoolMetrics;
use eventlog::LogError;

const BEHIND: &str = "records from before wait";
const TOO_MANY: &str = "too many records are under way";

pub(super) struct Gate {
    state: Mutex<State>,
    /// How many more records may be under way to the remote.
    free: Arc<Semaphore>,
    /// Notified of every change while appends do not go straight to the remote.
    changed: watch::Sender<()>,
    /// Stored appends that the remote may have taken as well.
    late: Mutex<Vec<Late>>,
    /// Notified of each new lane, once somebody replays them.
    announce: Mutex<Option<mpsc::UnboundedSender<i32>>>,
    metrics: SpoolMetrics,
}

impl Gate {
    pub(super) fn new(state: State) -> Arc<Self> {
        let gate = Self {
            state: Mutex::new(state),
            free: Arc::new(Semaphore::new(DIRECT_RECORDS)),
            changed: watch::Sender::new(()),
            late: Mutex::default(),
            announce: Mutex::default(),
            metrics: SpoolMetrics::new(),
        };
        gate.show();
        Arc::new(gate)
    }

    /// Leave to append so many records to the remote, [`DIRECT_RECORDS`] at most; else why they are to be stored. Waits up
    /// to the deadline.
    pub(super) async fn pass(self: &Arc<Self>, records: usize, deadline: Instant) -> Result<Attended, &'static str> {
        let permits = u32::try_from(records.min(DIRECT_RECORDS)).unwrap_or(u32::MAX);
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let way = self.lock().way;
            match way {
                Way::Spool => return Err(BEHIND),
                Way::Drain => {
                    if timeout_at(deadline, changed.changed()).await.is_err() {
                        self.give_up_draining();
                        return Err(BEHIND);
                    }
                }
                Way::Direct => {
                    let permit = tokio::select! {
                        biased;
                        permit = self.free.clone().acquire_many_owned(permits) => permit,
                        _ = changed.changed() => continue,
                        () = sleep_until(deadline) => return Err(TOO_MANY),
                    };
                    let permit = Arc::new(permit.map_err(|_| TOO_MANY)?);
                    if self.lock().admit() {
                        return Ok(Attended { gate: self.clone(), permit });
                    }
                }
            }
        }
    }

    /// Lets nothing straight to the remote any more, and an append into the store if there is room for its bytes.
    /// `reason` is why.
    pub(super) fn enter(self: &Arc<Self>, bytes: u64, reason: String) -> Result<Entering, LogError> {
        let entered = self.lock().enter(bytes);
        self.changed.send_replace(());
        entered.map(|()| Entering { gate: self.clone(), bytes, reason, arrived: None })
    }

    pub(super) fn is_direct(&self) -> bool {
        self.lock().way == Way::Direct
    }

    pub(super) fn is_busy_for(&self, time: Duration) -> bool {
        self.lock().is_busy_for(time)
    }

    /// Waits until appends do not go straight to the remote any more.
    pub(super) async fn closed(&self) {
        self.until(|state| state.way != Way::Direct).await;
    }

    /// Waits until the appends that were under way when the way turned are in the store, or answered.
    pub(super) async fn unattended(&self) {
        self.until(|state| state.attended == 0 || state.way == Way::Direct).await;
    }

    /// Waits until appends go to the store and all that came before is settled.
    pub(super) async fn closed_and_settled(&self) {
        self.until(|state| state.way != Way::Direct && state.is_settled()).await;
    }

    /// Waits while [`Next::Wait`] holds.
    pub(super) async fn more_to_do(&self) {
        self.until(State::may_go_on).await;
    }

    /// What the replay, which sends `moment_bytes` in a moment, is to do.
    pub(super) fn next(&self, moment_bytes: u64) -> Next {
        let mut state = self.lock();
        let next = state.next(moment_bytes);
        if next == Next::Done && state.outage.replayed > 0 {
            let (spooled, replayed) = (state.outage.spooled, state.outage.replayed);
            let seconds = state.outage.since.elapsed().as_secs_f64();
            tracing::info!(spooled, replayed, seconds, "the spool is empty: records go straight to the log again");
        }
        drop(state);
        self.changed.send_replace(());
        self.show();
        next
    }

    /// The offset that the replay goes on from.
    pub(super) fn replayed(&self) -> i64 {
        self.lock().stored.replayed
    }

    /// The time of the record that is to be replayed next.
    pub(super) fn note_oldest(&self, time: Option<Timestamp>) {
        self.lock().oldest = time;
    }

    /// A batch is in the remote, or refused.
    pub(super) fn replay(&self, next: i64, records: u64, bytes: u64) {
        self.lock().replay(next, records, bytes);
        self.metrics.replayed.increment(records);
        self.show();
    }

    /// Tells of the lanes that there are, and of those to come.
    pub(super) fn announce_lanes(&self, announce: mpsc::UnboundedSender<i32>) {
        let mut announced = self.announce.lock().unwrap_or_else(PoisonError::into_inner);
        for partition in self.lanes() {
            // Whoever replays them outlives this.
            let _ = announce.send(partition);
        }
        *announced = Some(announce);
    }

    /// The partitions that have a lane.
    pub(super) fn lanes(&self) -> Vec<i32> {
        self.lock().lanes.keys().copied().collect()
    }

    /// Records wait in a lane, from the offset `first` on.
    pub(super) fn park(&self, partition: i32, first: i64, records: u64, bytes: u64) {
        let announced = self.announce.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = self.lock().park(partition, first, records, bytes);
        if let (true, Some(announce)) = (is_new, announced.as_ref()) {
            let _ = announce.send(partition);
        }
    }

    /// The offset that the replay of a lane goes on from.
    pub(super) fn replayed_of(&self, partition: i32) -> i64 {
        self.lock().lanes.get(&partition).map_or(0, |lane| lane.replayed)
    }

    /// A batch of a lane is in the remote, or refused.
    pub(super) fn replay_of(&self, partition: i32, next: i64, records: u64, bytes: u64) {
        self.lock().replay_of(partition, next, records, bytes);
        self.metrics.replayed.increment(records);
        self.show();
    }

    /// Ends a lane that holds nothing more, and tells whether that is so.
    pub(super) fn close_lane_if_empty(&self, partition: i32) -> bool {
        let is_closed = self.lock().close_lane_if_empty(partition);
        self.changed.send_replace(());
        is_closed
    }

    pub(super) fn refused(&self) {
        self.metrics.refused.increment(1);
    }

    /// An append was stored before the remote has settled it.
    pub(super) fn note_late(&self, late: Late) {
        self.late.lock().unwrap_or_else(PoisonError::into_inner).push(late);
    }

    /// The offsets of stored records that the remote has taken after all. To be asked when all is settled.
    pub(super) fn take_delivered(&self) -> BTreeSet<i64> {
        let late = std::mem::take(&mut *self.late.lock().unwrap_or_else(PoisonError::into_inner));
        late.iter().flat_map(Late::delivered).collect()
    }

    /// Appends no longer wait for the replay, since it fails or takes too long.
    pub(super) fn give_up_draining(&self) {
        self.lock().give_up_draining();
        self.changed.send_replace(());
    }

    /// Brings the gauges up to date.
    pub(super) fn show(&self) {
        let ((records, bytes), oldest) = {
            let state = self.lock();
            (state.total(), state.oldest)
        };
        let age_micros = oldest.map_or(0, |oldest| Timestamp::now().micros() - oldest.micros()).max(0);
        self.metrics.show(records, bytes, Duration::from_micros(age_micros.unsigned_abs()));
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut changed = self.changed.subscribe();
        while !holds(&self.lock()) {
            // The sender lives as long as the gate.
            let _ = changed.changed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change that somebody may wait for unless appends go straight to the remote.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        if state.way != Way::Direct {
            drop(state);
            self.changed.send_replace(());
        }
    }
}

/// An append to the remote whose caller waits for its end, until it is dropped.
pub(super) struct Attended {
    gate: Arc<Gate>,
    /// Given back only once the records are settled and the caller has its answer.
    permit: Arc<OwnedSemaphorePermit>,
}

impl Attended {
    /// What stands for the append at the remote.
    pub(super) fn unsettled(&self) -> Unsettled {
        Unsettled { gate: self.gate.clone(), busy: false, _permit: self.permit.clone() }
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.gate.change(|state| state.attended -= 1);
    }
}

/// An append that the remote has not settled, until it is dropped.
pub(super) struct Unsettled {
    gate: Arc<Gate>,
    busy: bool,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Unsettled {
    pub(super) fn settle<T>(mut self, result: &Result<T, LogError>) {
        self.busy = matches!(result, Err(LogError::Busy));
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.gate.change(|state| state.settle(self.busy));
    }
}

/// An append on its way into the store, until it is dropped.
pub(super) struct Entering {
    gate: Arc<Gate>,
    bytes: u64,
    reason: String,
    /// Offset of its first record, and their number.
    arrived: Option<(i64, u64)>,
}

impl Entering {
    /// The records are durable in the store. Must come before anybody is told.
    pub(super) fn arrive(mut self, first: i64, records: u64) {
        self.gate.metrics.spooled.increment(records);
        self.arrived = Some((first, records));
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        let is_first = self.gate.lock().arrive(self.bytes, self.arrived);
        self.gate.changed.send_replace(());
        self.gate.show();
        if is_first {
            tracing::warn!(reason = self.reason, "the log cannot be reached: records are spooled");
        }
    }
}
