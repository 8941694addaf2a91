//! The search for the rows that a sink refuses: what was refused as a whole is delivered in halves, from memory, until each
//! such row stands alone. That one becomes a dead letter; all others are committed on the way.
//!
//! A refusal is an answer and no outage, so nothing waits: a refused row costs about two small commits for each time that the
//! whole can be halved.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use event::Positions;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Batch;
use crate::lane::{Lane, LaneError};
use crate::refused::Records;
use crate::sink::SinkError;
use crate::staged::Staged;

/// Before a suspected row is tried again. What passes by itself has time to pass; the second row with the same answer need
/// not wait.
const SUSPECT_WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// A sink's answer that is about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub reason: String,
    /// Whether the answer leaves no doubt that it is about a row.
    pub is_certain: bool,
}

impl Refusal {
    /// Tells a refusal from a failure.
    pub fn of<T>(outcome: Result<T, SinkError>) -> Result<Result<T, Self>, SinkError> {
        match outcome {
            Ok(done) => Ok(Ok(done)),
            Err(SinkError::Refused { reason }) => Ok(Err(Self { reason, is_certain: true })),
            Err(SinkError::Suspect { reason }) => Ok(Err(Self { reason, is_certain: false })),
            Err(error) => Err(error),
        }
    }
}

/// What is left to do of what was refused as a whole.
struct Search<'a> {
    /// Not delivered yet; the first part stands last.
    parts: Vec<Batch>,
    records: Records,
    /// Answers that a row has been given each time that it was tried.
    confirmed: HashSet<String>,
    dead: usize,
    stored: &'a mut Positions,
    shutdown: &'a CancellationToken,
}

impl Lane {
    /// Delivers what is staged, which the sink has refused as a whole, but for the rows that it refuses. At `shutdown` it
    /// leaves the rest undelivered, and so must not be followed by another commit.
    pub(crate) async fn bisect(
        &mut self,
        stored: &mut Positions,
        staged: Staged,
        refusal: Refusal,
        shutdown: &CancellationToken,
    ) -> Result<(), LaneError> {
        let Some(whole) = staged.whole() else { return Err(LaneError::NotKept) };
        let (records, confirmed) = (Records::new(self.origin.log.clone()), HashSet::new());
        let mut search = Search { parts: Vec::new(), records, confirmed, dead: 0, stored, shutdown };
        self.sink.resume(&self.origin.topic).await?;
        let outcome = self.search(&mut search, whole, &refusal).await;
        if search.dead > 0 {
            let (sink, rows, reason) = (self.sink.name(), search.dead, refusal.reason);
            tracing::warn!(sink, rows, reason, "a sink refused rows; they are kept as dead letters");
        }
        outcome
    }

    async fn search(&mut self, search: &mut Search<'_>, whole: Batch, refusal: &Refusal) -> Result<(), LaneError> {
        self.narrow(search, whole, refusal).await?;
        while let Some(part) = search.parts.pop() {
            if search.shutdown.is_cancelled() {
                return Err(LaneError::Stopped);
            }
            let part = Arc::new(part);
            if let Err(refusal) = self.attempt(search.stored, &part).await? {
                self.narrow(search, Arc::unwrap_or_clone(part), &refusal).await?;
            }
        }
        Ok(())
    }

    /// Halves a refused part, or keeps its only row as a dead letter.
    async fn narrow(&mut self, search: &mut Search<'_>, part: Batch, refusal: &Refusal) -> Result<(), LaneError> {
        match part.events.len() {
            0 => Err(SinkError::retry("commit the positions", refusal.reason.clone()).into()),
            1 => self.pass_over(search, part, refusal).await,
            rows => {
                let (head, tail) = part.split(rows / 2);
                search.parts.extend([tail, head]);
                Ok(())
            }
        }
    }

    /// Writes and commits a part. The sink is ready for the next one afterwards, also when it has refused this one.
    async fn attempt(&mut self, stored: &mut Positions, part: &Arc<Batch>) -> Result<Result<(), Refusal>, LaneError> {
        let mut reached = stored.clone();
        part.pass(&mut reached);
        let mut staged = Staged::default();
        let outcome = match Refusal::of(self.stage(&mut staged, part.clone()).await)? {
            Ok(()) => Refusal::of(self.publish(stored, &mut staged, &reached).await)?,
            refused => refused,
        };
        if outcome.is_err() {
            self.sink.resume(&self.origin.topic).await?;
        }
        Ok(outcome)
    }

    /// Keeps a row that stands alone as a dead letter and moves the positions past it.
    async fn pass_over(&mut self, search: &mut Search<'_>, part: Batch, refusal: &Refusal) -> Result<(), LaneError> {
        let part = Arc::new(part);
        if !refusal.is_certain && !self.insists(search, &part, refusal).await? {
            return Ok(());
        }
        let (row, sink, dead_letters) = (&part.events[0], self.sink.name().to_owned(), self.dead_letters.clone());
        let keep = async {
            let letter = search.records.letter(&row.position, &sink, &refusal.reason).await?;
            dead_letters.append(&[letter]).await
        };
        // A letter without its commit is found at the next start.
        search.shutdown.run_until_cancelled(keep).await.ok_or(LaneError::Stopped)??;
        self.refused.insert(row);
        search.dead += 1;
        match self.attempt(search.stored, &part).await? {
            Ok(()) => Ok(()),
            Err(refusal) => Err(SinkError::retry("commit the positions", refusal.reason).into()),
        }
    }

    /// Whether the sink gives the row the same kind of answer each time. Otherwise it has taken the row.
    async fn insists(
        &mut self,
        search: &mut Search<'_>,
        part: &Arc<Batch>,
        refusal: &Refusal,
    ) -> Result<bool, LaneError> {
        for wait in SUSPECT_WAITS {
            if !search.confirmed.contains(&refusal.reason) {
                sleep(wait).await;
            }
            if self.attempt(search.stored, part).await?.is_ok() {
                return Ok(false);
            }
        }
        search.confirmed.insert(refusal.reason.clone());
        Ok(true)
    }
}
