//! One sink's way through the log, at its own pace: stage batches, commit them with their positions, and after any failure
//! ask the sink where it stands and go on from there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{DeadLetter, LogPosition, Positions, Stage};
use eventlog::LogError;
use metrics::{counter, histogram};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Batch;
use crate::feed::Feed;
use crate::metrics::{SINK_COMMIT_SECONDS, SINK_EVENTS, SINK_RETRIES};
use crate::replay::original;
use crate::ring::Ring;
use crate::sink::{DeadLetters, Sink, SinkError};
use crate::source::{Origin, resume_at};
use crate::staged::Staged;
use crate::status::LaneStatus;

const FIRST_RETRY_WAIT: Duration = Duration::from_millis(100);
/// Somebody else has this process's partitions: time to be told so before trying to go on with them.
const MOVED_WAIT: Duration = Duration::from_secs(2);

/// Everything that a lane works with. It is given up again, sink and all, when the lane stops.
pub(crate) struct Lane {
    pub sink: Box<dyn Sink>,
    pub origin: Origin,
    pub ring: Arc<Ring>,
    pub dead_letters: Arc<dyn DeadLetters>,
    pub status: Arc<LaneStatus>,
    /// Where to start in each partition of this process when the sink has no position.
    pub starts: Positions,
    /// Told where the lane stands each time that it begins.
    pub began: mpsc::UnboundedSender<Positions>,
    /// Rows that the sink refused and that are safe as dead letters.
    pub refused: BTreeSet<(i32, i64)>,
    /// The most events in a commit; small while a refused row is searched.
    pub max_events: usize,
}

/// Why a lane has to begin anew.
#[derive(Debug, thiserror::Error)]
enum LaneError {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Lane {
    /// Delivers until `shutdown`, then commits what is staged and returns the sink.
    pub async fn run(mut self, shutdown: CancellationToken) -> Box<dyn Sink> {
        let longest = Duration::from_millis(self.origin.config.max_retry_wait_ms);
        let mut wait = FIRST_RETRY_WAIT;
        loop {
            let began = Instant::now();
            let Err(error) = self.deliver(&shutdown).await else { return self.sink };
            self.ring.leave(self.sink.name());
            self.report(&error);
            wait = if began.elapsed() > longest { FIRST_RETRY_WAIT } else { (wait * 2).min(longest) };
            if matches!(error, LaneError::Sink(SinkError::Moved)) {
                wait = wait.max(MOVED_WAIT);
            }
            tokio::select! {
                () = shutdown.cancelled() => return self.sink,
                () = sleep(wait) => {}
            }
        }
    }

    async fn deliver(&mut self, shutdown: &CancellationToken) -> Result<(), LaneError> {
        let begun = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            begun = self.begin() => begun?,
        };
        let mut stored = begun;
        let mut feed =
            Feed::new(self.sink.name(), self.sink.leads(), self.origin.clone(), self.ring.clone(), stored.clone());
        let mut staged = Staged::default();
        loop {
            let pace = self.sink.pace();
            let max_events = self.max_events.min(pace.max_events);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.commit(&mut stored, &mut staged, feed.at()).await,
                () = staged.is_due(pace.max_age) => self.commit(&mut stored, &mut staged, feed.at()).await?,
                batch = feed.next(max_events) => {
                    self.stage(&mut staged, batch?).await?;
                    if staged.rows >= max_events || staged.bytes >= pace.max_bytes {
                        self.commit(&mut stored, &mut staged, feed.at()).await?;
                    }
                }
            }
        }
    }

    /// Finds out where to go on. A sink that has no position yet gets one at once, so that a later start does not move it.
    async fn begin(&mut self) -> Result<Positions, LaneError> {
        let mut stored = self.sink.resume(&self.origin.topic).await?;
        let mut reached = Positions::default();
        for (partition, start) in self.starts.iter() {
            let held = self.origin.log.bounds(&self.origin.topic, partition).await?;
            let wanted = stored.get(partition).unwrap_or(start);
            reached.set(partition, resume_at(wanted, &held, partition, self.origin.config.on_missing)?);
        }
        let advance = stored.advance_to(&self.origin.topic, &reached);
        if !advance.steps.is_empty() {
            self.sink.commit(&advance).await?;
            stored.apply(&advance);
        }
        self.refused.retain(|(partition, offset)| reached.get(*partition).is_some_and(|next| *offset >= next));
        self.status.running(&reached);
        // The head listens only until it has begun itself.
        let _ = self.began.send(reached.clone());
        Ok(reached)
    }

    async fn stage(&mut self, staged: &mut Staged, batch: Arc<Batch>) -> Result<(), LaneError> {
        let (batch, refused) = without(batch, &self.refused);
        staged.add(&batch, self.sink.rows(&batch), refused);
        match self.sink.write(&batch).await {
            Err(SinkError::Refused { reason }) => self.narrow(staged, reason).await,
            result => Ok(result?),
        }
    }

    async fn commit(&mut self, stored: &mut Positions, staged: &mut Staged, at: &Positions) -> Result<(), LaneError> {
        let advance = stored.advance_to(&self.origin.topic, at);
        if advance.steps.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        match self.sink.commit(&advance).await {
            Err(SinkError::Refused { reason }) => return self.narrow(staged, reason).await,
            result => result?,
        }
        histogram!(SINK_COMMIT_SECONDS, "sink" => self.sink.name().to_owned()).record(began.elapsed());
        stored.apply(&advance);
        self.max_events = self.max_events.saturating_mul(2);
        self.settle(std::mem::take(staged));
        self.status.running(stored);
        Ok(())
    }

    /// Halves the commits until the refused row stands alone, then keeps it as a dead letter. Always an error, because the
    /// lane must begin anew: the sink has dropped what was staged.
    async fn narrow(&mut self, staged: &Staged, reason: String) -> Result<(), LaneError> {
        self.max_events = (staged.rows / 2).max(1);
        if let (1, Some(position)) = (staged.rows, &staged.last) {
            let sink = self.sink.name().to_owned();
            let letter = dead_letter(&self.origin, position, &sink, reason.clone()).await?;
            self.dead_letters.append(&[letter]).await?;
            self.refused.insert((position.partition, position.offset));
        }
        Err(SinkError::Refused { reason }.into())
    }

    fn settle(&self, staged: Staged) {
        for (outcome, events) in staged.outcomes() {
            counter!(SINK_EVENTS, "sink" => self.sink.name().to_owned(), "outcome" => outcome.as_str())
                .increment(events as u64);
            self.status.count(outcome, events);
        }
    }

    fn report(&self, error: &LaneError) {
        let sink = self.sink.name();
        counter!(SINK_RETRIES, "sink" => sink.to_owned()).increment(1);
        let text = chain(error);
        if self.status.retrying(text.clone()) {
            tracing::warn!(sink, error = text, "a sink failed; it goes on by itself when it can");
        }
    }
}

/// The refused row's record, read from the log again: batches do not carry the bytes.
async fn dead_letter(
    origin: &Origin,
    position: &LogPosition,
    sink: &str,
    reason: String,
) -> Result<DeadLetter, LogError> {
    let stage = Stage::Sink(sink.to_owned());
    let mut reader = origin.log.reader(&position.topic).await?;
    reader.assign(&[(position.partition, position.offset)].into_iter().collect()).await?;
    let records = reader.next(1).await?;
    let record = records.first().expect("a reader returns at least one record");
    let payload = original(&record.payload);
    Ok(DeadLetter { payload, stage, reason, position: position.clone(), time: record.time })
}

/// The batch without the rows that the sink refused, which are safe as dead letters, and how many those were.
fn without(batch: Arc<Batch>, refused: &BTreeSet<(i32, i64)>) -> (Arc<Batch>, usize) {
    if refused.is_empty() {
        return (batch, 0);
    }
    let is_refused = |position: &LogPosition| refused.contains(&(position.partition, position.offset));
    let count = batch.events.iter().filter(|event| is_refused(&event.position)).count();
    if count == 0 {
        return (batch, 0);
    }
    let mut batch = Arc::unwrap_or_clone(batch);
    batch.events.retain(|event| !is_refused(&event.position));
    (Arc::new(batch), count)
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
