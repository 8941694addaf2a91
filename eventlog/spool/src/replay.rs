//! Sends what is stored to the remote, in order, until nothing is left.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

use super::DIRECT_RECORDS;
use super::batch::{Batch, Part};
use super::config::Config;
use super::frame;
use super::gate::Gate;
use super::state::Next;
use super::store::{SPOOLED, Store};
use eventlog::{EventLog, LogError, Reader, Receipts, Record};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Replay {
    pub(super) remote: Arc<dyn EventLog>,
    pub(super) store: Arc<Store>,
    pub(super) gate: Arc<Gate>,
    pub(super) batch_bytes: usize,
    pub(super) max_pause: Duration,
    /// How long appends may be made to wait for the rest: well below the time after which they are spooled.
    moment: Duration,
    /// Held from before a batch is sent until that is noted, or has failed.
    pub(super) turn: Mutex<()>,
}

/// What an append has left to be tried again, and why.
pub(super) struct Left {
    pub(super) part: Part,
    pub(super) error: LogError,
    /// Whether it has taken some.
    others_were_taken: bool,
}

impl Replay {
    pub(super) fn new(config: &Config, remote: Arc<dyn EventLog>, store: Arc<Store>, gate: Arc<Gate>) -> Self {
        let max_pause = Duration::from_millis(config.max_backoff_ms).max(FIRST_PAUSE);
        let moment = Duration::from_millis(config.after_ms) / 2;
        Self { remote, store, gate, batch_bytes: config.replay_batch_bytes, max_pause, moment, turn: Mutex::new(()) }
    }

    /// Replays whenever there is something to be replayed, until it is dropped.
    pub(super) async fn run(&self) {
        tokio::join!(self.replay(), self.replay_lanes(), self.show_age());
    }

    /// Waits until no batch is between being sent and being noted, and keeps the next one back.
    pub(super) async fn pause(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    async fn replay(&self) {
        loop {
            let outage = async {
                self.gate.closed_and_settled().await;
                let delivered = self.gate.take_delivered();
                self.empty_store(&delivered).await;
            };
            // A panic must not leave the spool without a replay.
            if AssertUnwindSafe(outage).catch_unwind().await.is_err() {
                tracing::error!("the replay of the spool panicked and starts anew");
                sleep(self.max_pause).await;
            }
        }
    }

    async fn show_age(&self) {
        loop {
            sleep(GAUGE_INTERVAL).await;
            self.gate.show();
        }
    }

    /// `delivered` are the offsets of what need not be sent.
    async fn empty_store(&self, delivered: &BTreeSet<i64>) {
        let mut pace = Pace::new(self.max_pause);
        let mut stored = None;
        loop {
            match self.gate.next(pace.moment_bytes) {
                Next::Done => return,
                Next::Wait => self.gate.more_to_do().await,
                Next::Replay => match self.read(&mut stored).await {
                    Ok(frames) => self.deliver(Batch::new(frames, delivered), &mut pace).await,
                    Err(error) => {
                        stored = None;
                        self.recover_from(&error, &mut pace).await;
                    }
                },
            }
        }
    }

    async fn read(&self, stored: &mut Option<Stored>) -> Result<Vec<Record>, LogError> {
        let stored = match stored {
            Some(stored) => stored,
            None => stored.insert(Stored::new(self.store.reader(SPOOLED, self.gate.replayed()).await?)),
        };
        let frames = stored.next(self.batch_bytes).await?;
        self.gate.note_oldest(frames.first().map(|record| record.time));
        Ok(frames)
    }

    /// Tries until the batch is in the remote and that is noted.
    async fn deliver(&self, mut batch: Batch, pace: &mut Pace) {
        let mut started = Instant::now();
        while let Err(error) = self.try_to_deliver(&mut batch).await {
            self.recover_from(&error, pace).await;
            started = Instant::now();
        }
        self.gate.replay(batch.next, batch.records - batch.parked_records, batch.bytes);
        let sendable = batch.bytes as f64 * self.moment.div_duration_f64(started.elapsed());
        pace.succeeded((sendable as u64).min(self.batch_bytes as u64));
    }

    async fn try_to_deliver(&self, batch: &mut Batch) -> Result<(), LogError> {
        let _turn = self.turn.lock().await;
        while let Some(part) = batch.parts.pop_front() {
            let part = self.without_parked(part, batch);
            let Err(left) = self.deliver_part(part, batch).await else { continue };
            let part = match &left.error {
                LogError::Unavailable { .. } => self.without_troubled(left.part, left.others_were_taken, batch),
                _ => left.part,
            };
            if !part.is_empty() {
                batch.parts.push_front(part);
                return Err(left.error);
            }
        }
        self.fill_lanes(batch).await?;
        self.store.forget(SPOOLED, batch.next).await
    }

    /// Sends a part, or keeps what is refused for good. Gives back with the error what is to be tried again.
    pub(super) async fn deliver_part(&self, part: Part, batch: &mut Batch) -> Result<(), Left> {
        let (topic, records) = match part {
            Part::Sendable { topic, records } => (topic, records),
            Part::Unreadable(frame) => return self.refuse(frame).await,
        };
        if records.is_empty() {
            return Ok(());
        }
        let receipts = Receipts::new(records.len());
        let Err(error) = self.remote.append_each(&topic, &records, &receipts).await else { return Ok(()) };
        let missing: Vec<_> = receipts.missing().into_iter().map(|index| records[index].clone()).collect();
        match (error, &missing[..]) {
            (_, []) => Ok(()),
            (LogError::TooLarge { .. }, [record]) => self.refuse(frame::encode(&topic, record)).await,
            (LogError::TooLarge { .. }, _) => {
                batch.halve(topic, missing);
                Ok(())
            }
            (error, _) => {
                let part = Part::Sendable { topic, records: missing };
                Err(Left { part, error, others_were_taken: !receipts.is_empty() })
            }
        }
    }

    async fn refuse(&self, frame: Bytes) -> Result<(), Left> {
        let bytes = frame.len();
        if let Err(error) = self.store.refuse(frame.clone()).await {
            return Err(Left { part: Part::Unreadable(frame), error, others_were_taken: false });
        }
        self.gate.refused();
        tracing::error!(bytes, "the log refuses a spooled record for good: it is kept in the spool's topic refused");
        Ok(())
    }

    async fn recover_from(&self, error: &LogError, pace: &mut Pace) {
        self.gate.give_up_draining();
        pace.tell(error);
        sleep(pace.failed()).await;
    }
}

/// The store's records in order, so many at a time that a batch sent twice repeats no more than an append can.
pub(super) struct Stored {
    reader: Box<dyn Reader>,
    /// Read, and not given out.
    ahead: Vec<Record>,
}

impl Stored {
    pub(super) fn new(reader: Box<dyn Reader>) -> Self {
        Self { reader, ahead: Vec::new() }
    }

    pub(super) async fn next(&mut self, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        let mut first = std::mem::take(&mut self.ahead);
        if first.is_empty() {
            first = self.reader.next(max_bytes).await?;
        }
        self.ahead = first.split_off(first.len().min(DIRECT_RECORDS));
        Ok(first)
    }
}

/// How well the replay goes: ever longer pauses between failures, and how much it sends between them.
pub(super) struct Pace {
    pause: Duration,
    max_pause: Duration,
    /// Bytes sent in a moment; 0 while it fails.
    moment_bytes: u64,
    /// What was last said to have failed.
    told: String,
}

impl Pace {
    pub(super) fn new(max_pause: Duration) -> Self {
        Self { pause: FIRST_PAUSE, max_pause, moment_bytes: 0, told: String::new() }
    }

    pub(super) fn succeeded(&mut self, moment_bytes: u64) {
        *self = Self { moment_bytes, ..Self::new(self.max_pause) };
    }

    /// How long to pause now.
    pub(super) fn failed(&mut self) -> Duration {
        self.moment_bytes = 0;
        let next = (self.pause * 2).min(self.max_pause);
        std::mem::replace(&mut self.pause, next)
    }

    /// Tells of a failure, unless it is the same as before.
    pub(super) fn tell(&mut self, error: &LogError) {
        let text = error.to_string();
        if text != self.told {
            tracing::warn!(error = error as &dyn std::error::Error, "the spool cannot be replayed for now");
            self.told = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut pace = Pace::new(Duration::from_millis(300));
        let mut pauses = || (0..5).map(|_| pace.failed().as_millis()).collect::<Vec<_>>();
        assert_eq!(pauses(), [50, 100, 200, 300, 300]);
        pace.succeeded(7);
        assert_eq!((pace.moment_bytes, pace.failed(), pace.moment_bytes), (7, FIRST_PAUSE, 0));
    }
}
