//! What one lane reads: the ring when the lane is near the head, the log itself when it has fallen behind.

use std::sync::Arc;

use event::Positions;
use eventlog::LogError;

use crate::Batch;
use crate::ring::{Found, Ring};
use crate::source::{Origin, Source};

/// The batches after a lane's positions, in order.
pub(crate) struct Feed {
    lane: String,
    leads: bool,
    origin: Origin,
    ring: Arc<Ring>,
    at: Positions,
    own: Option<Source>,
    rest: Option<Arc<Batch>>,
    restarts: u64,
}

impl Feed {
    /// A feed that begins at `at`.
    pub fn new(lane: &str, leads: bool, origin: Origin, ring: Arc<Ring>, at: Positions) -> Self {
        let restarts = ring.restarts();
        Self { lane: lane.to_owned(), leads, origin, ring, at, own: None, rest: None, restarts }
    }

    /// How far the feed has been read.
    pub fn at(&self) -> &Positions {
        &self.at
    }

    /// The next batch, of at most `max_events`; waits for it. May be dropped while it waits.
    pub async fn next(&mut self, max_events: usize) -> Result<Arc<Batch>, LogError> {
        let whole = match self.rest.take() {
            Some(rest) => rest,
            None => self.unseen().await?.for_sink(&self.at, &self.lane),
        };
        let batch = if whole.events.len() > max_events {
            let (head, rest) = whole.split(max_events);
            self.rest = Some(Arc::new(rest));
            Arc::new(head)
        } else {
            whole
        };
        batch.pass(&mut self.at);
        Ok(batch)
    }

    async fn unseen(&mut self) -> Result<Arc<Batch>, LogError> {
        self.check_restarts()?;
        if self.own.is_some() && !self.ring.is_close(&self.at) {
            return self.read_log().await;
        }
        let mut pushes = self.ring.pushes();
        loop {
            match self.ring.find(&self.lane, self.leads, &self.at) {
                Found::Batch(batch) => {
                    self.own = None;
                    return Ok(batch);
                }
                Found::Behind => return self.read_log().await,
                Found::Nothing => {
                    self.own = None;
                    // The ring holds the sender as long as this feed does, so this cannot fail.
                    let _ = pushes.changed().await;
                    self.check_restarts()?;
                }
            }
        }
    }

    /// Fails once the log was found not to hold what was read of it.
    fn check_restarts(&self) -> Result<(), LogError> {
        if self.ring.restarts() == self.restarts {
            return Ok(());
        }
        Err(LogError::Unavailable { reason: "it does not hold what was read of it: looking where to go on".to_owned() })
    }

    async fn read_log(&mut self) -> Result<Arc<Batch>, LogError> {
        let own = match &mut self.own {
            Some(own) => own,
            None => {
                tracing::info!(lane = self.lane, "behind the head: reading the log until caught up");
                self.own.insert(Source::start(&self.origin, &self.at).await?)
            }
        };
        Ok(Arc::new(own.next().await?))
    }
}
