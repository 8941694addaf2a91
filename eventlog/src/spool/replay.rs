//! Sends what is stored to the remote, in order, until nothing is left.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::sleep;

use super::batch::{Batch, Part};
use super::config::Config;
use super::frame;
use super::gate::Gate;
use super::state::Next;
use super::store::Store;
use crate::{EventLog, LogError, Reader};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Replay {
    remote: Arc<dyn EventLog>,
    store: Arc<Store>,
    gate: Arc<Gate>,
    batch_bytes: usize,
    max_pause: Duration,
    /// How long appends may be made to wait for the rest: well below the time after which they are spooled.
    moment: Duration,
    /// Held from before a batch is sent until that is noted, or has failed.
    turn: Mutex<()>,
}

impl Replay {
    pub(super) fn new(config: &Config, remote: Arc<dyn EventLog>, store: Arc<Store>, gate: Arc<Gate>) -> Self {
        let max_pause = Duration::from_millis(config.max_backoff_ms).max(FIRST_PAUSE);
        let moment = Duration::from_millis(config.after_ms) / 2;
        Self { remote, store, gate, batch_bytes: config.replay_batch_bytes, max_pause, moment, turn: Mutex::new(()) }
    }

    /// Replays whenever there is something to be replayed, until it is dropped.
    pub(super) async fn run(&self) {
        tokio::join!(self.replay(), self.show_age());
    }

    /// Waits until no batch is between being sent and being noted, and keeps the next one back.
    pub(super) async fn pause(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    async fn replay(&self) {
        loop {
            let outage = async {
                self.gate.closed_and_settled().await;
                self.empty_store().await;
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

    async fn empty_store(&self) {
        let mut pace = Pace::new(self.max_pause);
        let mut reader = None;
        loop {
            match self.gate.next(pace.moment_bytes) {
                Next::Done => return,
                Next::Wait => self.gate.more_to_do().await,
                Next::Replay => match self.read(&mut reader).await {
                    Ok(batch) => self.deliver(batch, &mut pace).await,
                    Err(error) => {
                        reader = None;
                        self.recover_from(&error, &mut pace).await;
                    }
                },
            }
        }
    }

    async fn read(&self, reader: &mut Option<Box<dyn Reader>>) -> Result<Batch, LogError> {
        let reader = match reader {
            Some(reader) => reader,
            None => reader.insert(self.store.reader(self.gate.replayed()).await?),
        };
        let records = reader.next(self.batch_bytes).await?;
        self.gate.note_oldest(records.first().map(|record| record.time));
        Ok(Batch::new(records))
    }

    /// Tries until the batch is in the remote and that is noted.
    async fn deliver(&self, mut batch: Batch, pace: &mut Pace) {
        let mut started = Instant::now();
        while let Err(error) = self.try_to_deliver(&mut batch).await {
            self.recover_from(&error, pace).await;
            started = Instant::now();
        }
        self.gate.replay(batch.next, batch.records, batch.bytes);
        let sendable = batch.bytes as f64 * self.moment.div_duration_f64(started.elapsed());
        pace.succeeded((sendable as u64).min(self.batch_bytes as u64));
    }

    async fn try_to_deliver(&self, batch: &mut Batch) -> Result<(), LogError> {
        let _turn = self.turn.lock().await;
        while let Some(part) = batch.parts.pop_front() {
            if let Err((part, error)) = self.deliver_part(part, batch).await {
                batch.parts.push_front(part);
                return Err(error);
            }
        }
        self.store.forget(batch.next).await
    }

    /// Sends a part, or keeps it when it is refused for good. Gives it back with the error when it is to be tried again.
    async fn deliver_part(&self, part: Part, batch: &mut Batch) -> Result<(), (Part, LogError)> {
        let frame = match &part {
            Part::Unreadable(frame) => frame.clone(),
            Part::Sendable { topic, records } => match (self.remote.append(topic, records.clone()).await, &records[..])
            {
                (Ok(_), _) => return Ok(()),
                (Err(LogError::TooLarge { .. }), [record]) => frame::encode(topic, record),
                (Err(LogError::TooLarge { .. }), _) => {
                    batch.halve(part);
                    return Ok(());
                }
                (Err(error), _) => return Err((part, error)),
            },
        };
        self.refuse(frame).await.map_err(|error| (part, error))
    }

    async fn refuse(&self, frame: bytes::Bytes) -> Result<(), LogError> {
        let bytes = frame.len();
        self.store.refuse(frame).await?;
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

/// How well the replay goes: ever longer pauses between failures, and how much it sends between them.
struct Pace {
    pause: Duration,
    max_pause: Duration,
    /// Bytes sent in a moment; 0 while it fails.
    moment_bytes: u64,
    /// What was last said to have failed.
    told: String,
}

impl Pace {
    fn new(max_pause: Duration) -> Self {
        Self { pause: FIRST_PAUSE, max_pause, moment_bytes: 0, told: String::new() }
    }

    fn succeeded(&mut self, moment_bytes: u64) {
        *self = Self { moment_bytes, ..Self::new(self.max_pause) };
    }

    /// How long to pause now.
    fn failed(&mut self) -> Duration {
        self.moment_bytes = 0;
        let next = (self.pause * 2).min(self.max_pause);
        std::mem::replace(&mut self.pause, next)
    }

    /// Tells of a failure, unless it is the same as before.
    fn tell(&mut self, error: &LogError) {
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
