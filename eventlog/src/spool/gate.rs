//! Lets appends through to the remote or into the store, and holds the two apart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use event::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::state::{Next, State, Way};
use crate::LogError;
use crate::metrics::SpoolMetrics;

pub(super) struct Gate {
    state: Mutex<State>,
    /// Told of every change while appends do not go straight to the remote.
    changed: watch::Sender<()>,
    metrics: SpoolMetrics,
}

impl Gate {
    pub(super) fn new(state: State) -> Arc<Self> {
        let gate = Self { state: Mutex::new(state), changed: watch::Sender::new(()), metrics: SpoolMetrics::new() };
        gate.show();
        Arc::new(gate)
    }

    /// Leave to append to the remote; `None` sends the append to the store. Waits up to the deadline.
    pub(super) async fn pass(self: &Arc<Self>, deadline: Instant) -> Option<Unsettled> {
        if let Poll::Ready(leave) = self.ask() {
            return leave;
        }
        let mut changed = self.changed.subscribe();
        loop {
            if let Poll::Ready(leave) = self.ask() {
                return leave;
            }
            if timeout_at(deadline, changed.changed()).await.is_err() {
                self.give_up_draining();
                return None;
            }
        }
    }

    /// Leave to append to the remote, or none; pending while appends wait for the replay.
    fn ask(self: &Arc<Self>) -> Poll<Option<Unsettled>> {
        let mut state = self.lock();
        match state.way {
            Way::Direct => {
                state.unsettled += 1;
                Poll::Ready(Some(Unsettled { gate: self.clone(), busy: false }))
            }
            Way::Spool => Poll::Ready(None),
            Way::Drain => Poll::Pending,
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

    /// Waits until appends go to the store and the remote has settled all that came before.
    pub(super) async fn closed_and_settled(&self) {
        self.until(|state| state.way != Way::Direct && state.unsettled == 0).await;
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

    pub(super) fn refused(&self) {
        self.metrics.refused.increment(1);
    }

    /// Appends no longer wait for the replay, since it fails or takes too long.
    pub(super) fn give_up_draining(&self) {
        self.lock().give_up_draining();
        self.changed.send_replace(());
    }

    /// Brings the gauges up to date.
    pub(super) fn show(&self) {
        let (stored, oldest) = {
            let state = self.lock();
            (state.stored, state.oldest)
        };
        let age_micros = oldest.map_or(0, |oldest| Timestamp::now().micros() - oldest.micros()).max(0);
        self.metrics.show(stored.records(), stored.bytes, Duration::from_micros(age_micros.unsigned_abs()));
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
}

/// An append that the remote has not settled, until it is dropped.
pub(super) struct Unsettled {
    gate: Arc<Gate>,
    busy: bool,
}

impl Unsettled {
    pub(super) fn settle<T>(mut self, result: &Result<T, LogError>) {
        self.busy = matches!(result, Err(LogError::Busy));
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.settle(self.busy);
        if state.way != Way::Direct {
            drop(state);
            self.gate.changed.send_replace(());
        }
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
