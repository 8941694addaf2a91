//! What each sink is doing, for people and machines that watch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event::{Outcome, Positions, Timestamp};
use metrics::gauge;
use serde::Serialize;

use crate::metrics::SINK_LAG;

/// How a lane is getting on.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LaneState {
    /// Asking its sink where it stands.
    Starting,
    /// Delivering, or waiting for events.
    Running,
    /// Its sink failed; it will try again. Ends with the next commit, or when nothing is left to be committed.
    Retrying {
        /// Why.
        error: String,
        /// Since when.
        since: String,
        /// Failures in a row.
        attempts: u32,
    },
}

/// Counts of this process's life, by outcome.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Events committed.
    pub delivered: u64,
    /// Events left out as duplicates.
    pub duplicate: u64,
    /// Records kept as dead letters.
    pub dead_lettered: u64,
}

#[derive(Debug)]
struct Lane {
    state: LaneState,
    stored: Positions,
    /// Where the sink last stood in every partition that was ever this process's.
    known: Positions,
    counts: Counts,
}

/// The status of one lane, written by the lane and read by anybody.
#[derive(Debug)]
pub(crate) struct LaneStatus(Mutex<Lane>);

impl LaneStatus {
    fn new() -> Self {
        let (stored, known) = (Positions::default(), Positions::default());
        Self(Mutex::new(Lane { state: LaneState::Starting, stored, known, counts: Counts::default() }))
    }

    fn lane(&self) -> MutexGuard<'_, Lane> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sink has said that it stands at these positions. That alone ends no row of failures: its commits may fail.
    pub fn resumed(&self, stored: &Positions) {
        let mut lane = self.lane();
        if matches!(lane.state, LaneState::Starting) {
            lane.state = LaneState::Running;
        }
        lane.stored = stored.clone();
        lane.known.extend(stored);
    }

    /// The sink stands at these positions, and what it was given is committed. Tells how many failures that ends.
    pub fn running(&self, stored: &Positions) -> u32 {
        let mut lane = self.lane();
        lane.stored = stored.clone();
        lane.known.extend(stored);
        match std::mem::replace(&mut lane.state, LaneState::Running) {
            LaneState::Retrying { attempts, .. } => attempts,
            LaneState::Starting | LaneState::Running => 0,
        }
    }

    /// Where the sink last stood, as far as this process knows.
    pub fn known(&self) -> Positions {
        self.lane().known.clone()
    }

    pub fn is_retrying(&self) -> bool {
        matches!(self.lane().state, LaneState::Retrying { .. })
    }

    /// The sink failed; tells whether that is news.
    pub fn retrying(&self, error: String) -> bool {
        let mut lane = self.lane();
        let (since, attempts, news) = match &lane.state {
            LaneState::Retrying { since, attempts, error: last } => {
                (since.clone(), attempts.saturating_add(1), *last != error)
            }
            _ => (Timestamp::now().to_string(), 1, true),
        };
        lane.state = LaneState::Retrying { error, since, attempts };
        news
    }

    pub fn count(&self, outcome: Outcome, events: usize) {
        let events = events as u64;
        let counts = &mut self.lane().counts;
        match outcome {
            Outcome::Delivered => counts.delivered += events,
            Outcome::Duplicate => counts.duplicate += events,
            Outcome::DeadLettered => counts.dead_lettered += events,
            Outcome::Accepted | Outcome::Rejected | Outcome::Refused | Outcome::Ignored => {}
        }
    }
}

/// The status of all lanes of a pipeline.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<BTreeMap<String, Arc<LaneStatus>>>>);

/// One sink as shown.
#[derive(Clone, Debug, Serialize)]
pub struct SinkStatus {
    /// How its lane is getting on.
    #[serde(flatten)]
    pub state: LaneState,
    /// Outcomes since this process started.
    pub outcomes: Counts,
    /// The stored next offset, by partition.
    pub positions: BTreeMap<i32, i64>,
}

impl Status {
    pub(crate) fn lane(&self, sink: &str) -> Arc<LaneStatus> {
        self.lanes().entry(sink.to_owned()).or_insert_with(|| Arc::new(LaneStatus::new())).clone()
    }

    /// Where each sink stands; empty as long as it has not said so.
    pub(crate) fn stored(&self) -> Vec<(String, Positions)> {
        self.lanes().iter().map(|(name, status)| (name.clone(), status.lane().stored.clone())).collect()
    }

    /// Where the sinks stand that are getting on.
    pub(crate) fn running(&self) -> Vec<Positions> {
        let lanes = self.lanes();
        let lanes = lanes.values().map(|status| status.lane());
        lanes.filter(|lane| matches!(lane.state, LaneState::Running)).map(|lane| lane.stored.clone()).collect()
    }

    /// Forgets the partitions that are others' now: their gauges would show a lag of the past for ever.
    pub(crate) fn retain(&self, partitions: &[i32]) {
        for (sink, status) in self.lanes().iter() {
            let mut lane = status.lane();
            let (kept, gone) = lane.stored.split(partitions);
            for (partition, _) in gone.iter() {
                gauge!(SINK_LAG, "sink" => sink.clone(), "partition" => partition.to_string()).set(0.0);
            }
            lane.stored = kept;
        }
    }

    /// Every sink as it stands now.
    pub fn sinks(&self) -> BTreeMap<String, SinkStatus> {
        let show = |(name, status): (&String, &Arc<LaneStatus>)| {
            let lane = status.lane();
            let positions = lane.stored.iter().collect();
            (name.clone(), SinkStatus { state: lane.state.clone(), outcomes: lane.counts, positions })
        };
        self.lanes().iter().map(show).collect()
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<String, Arc<LaneStatus>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
