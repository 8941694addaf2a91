//! Sends what is stored to the remote, in order, until nothing is left.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

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
    /// Held from before a batch is sent until that is noted, or has failed.
    turn: Mutex<()>,
}

impl Replay {
    pub(super) fn new(config: &Config, remote: Arc<dyn EventLog>, store: Arc<Store>, gate: Arc<Gate>) -> Self {
        let max_pause = Duration::from_millis(config.max_backoff_ms).max(FIRST_PAUSE);
        Self { remote, store, gate, batch_bytes: config.replay_batch_bytes, max_pause, turn: Mutex::new(()) }
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
        let mut backoff = Backoff::new(self.max_pause);
        let mut reader = None;
        loop {
            match self.gate.next(backoff.works) {
                Next::Done => return,
                Next::Wait => self.gate.more_to_do().await,
                Next::Replay => match self.read(&mut reader).await {
                    Ok(batch) => self.deliver(batch, &mut backoff).await,
                    Err(error) => {
                        reader = None;
                        self.recover_from(&error, &mut backoff).await;
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
    async fn deliver(&self, mut batch: Batch, backoff: &mut Backoff) {
        while let Err(error) = self.try_to_deliver(&mut batch).await {
            self.recover_from(&error, backoff).await;
        }
        self.gate.replay(batch.next, batch.records, batch.bytes);
        backoff.reset();
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

    async fn recover_from(&self, error: &LogError, backoff: &mut Backoff) {
        self.gate.give_up_draining();
        backoff.note(error);
        sleep(backoff.next_pause()).await;
    }
}

/// Ever longer pauses between failures.
struct Backoff {
    pause: Duration,
    max_pause: Duration,
    /// Whether the last try succeeded.
    works: bool,
    /// What was last said to have failed.
    told: String,
}

impl Backoff {
    fn new(max_pause: Duration) -> Self {
        Self { pause: FIRST_PAUSE, max_pause, works: false, told: String::new() }
    }

    fn reset(&mut self) {
        *self = Self { works: true, ..Self::new(self.max_pause) };
    }

    fn next_pause(&mut self) -> Duration {
        self.works = false;
        let next = (self.pause * 2).min(self.max_pause);
        std::mem::replace(&mut self.pause, next)
    }

    /// Tells of a failure, unless it is the same as before.
    fn note(&mut self, error: &LogError) {
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
        let mut backoff = Backoff::new(Duration::from_millis(300));
        let mut pauses = || (0..5).map(|_| backoff.next_pause().as_millis()).collect::<Vec<_>>();
        assert_eq!(pauses(), [50, 100, 200, 300, 300]);
        backoff.reset();
        assert!(backoff.works);
        assert_eq!(backoff.next_pause(), FIRST_PAUSE);
        assert!(!backoff.works);
    }
}
