//! One sink's way through the log, at its own pace: stage batches, commit them with their positions, and after any failure
//! ask the sink where it stands and go on from there.

use std::sync::Arc;
use std::time::Duration;

use event::Positions;
use eventlog::LogError;
use metrics::{counter, histogram};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::Batch;
use crate::bisect::Refusal;
use crate::feed::Feed;
use crate::metrics::{SINK_COMMIT_SECONDS, SINK_EVENTS, SINK_RETRIES};
use crate::refused::Refused;
use crate::ring::Ring;
use crate::sink::{DeadLetters, Sink, SinkError};
use crate::source::Origin;
use crate::staged::Staged;
use crate::start::Beginning;
use crate::status::LaneStatus;

const FIRST_RETRY_WAIT: Duration = Duration::from_millis(100);
/// Somebody else has this process's partitions: time to be told so before trying to go on with them.
const MOVED_WAIT: Duration = Duration::from_secs(2);
/// The longest that a lane goes on once it was told to stop: containers are killed after ten seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);
/// So many commits stay small enough to be bisected after one was refused that was not.
const SMALL_COMMITS: u32 = 100;

/// Everything that a lane works with. It is given up again, sink and all, when the lane stops.
pub(crate) struct Lane {
    pub sink: Box<dyn Sink>,
    pub origin: Origin,
    pub ring: Arc<Ring>,
    pub dead_letters: Arc<dyn DeadLetters>,
    pub status: Arc<LaneStatus>,
    /// Where to begin in the partitions of this process.
    pub beginning: Arc<Beginning>,
    /// Where the lane stands each time that it begins.
    pub began: mpsc::Sender<Positions>,
    /// Rows that the sink refused and that are safe as dead letters.
    pub refused: Refused,
    /// How many more commits must be small enough to be bisected.
    pub small_commits: u32,
    /// Failures since the last commit.
    pub failures: u32,
}

/// Why a lane has to begin anew.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaneError {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Log(#[from] LogError),
    /// Not a failure: the commit is repeated in smaller ones.
    #[error("a refused commit was too large to be bisected")]
    NotKept,
    /// Not a failure: the lane was told to stop before it had delivered all of what was refused.
    #[error("stopped while a refused row was searched")]
    Stopped,
}

impl Lane {
    /// Delivers until `shutdown`, then commits what is staged and returns the sink. A commit that takes too long then is given
    /// up: what became of it shows when the sink is next resumed.
    pub async fn run(mut self, shutdown: CancellationToken) -> Box<dyn Sink> {
        loop {
            let delivered = tokio::select! {
                delivered = self.deliver(&shutdown) => delivered,
                () = overdue(&shutdown) => {
                    let (sink, seconds) = (self.sink.name(), STOP_TIMEOUT.as_secs());
                    tracing::warn!(sink, seconds, "a sink did not finish its commit in time; the next start goes on from there");
                    return self.sink;
                }
            };
            let error = match delivered {
                Ok(()) | Err(LaneError::Stopped) => return self.sink,
                Err(error) => error,
            };
            self.ring.leave(self.sink.name());
            let wait = self.wait_after(&error);
            tokio::select! {
                () = shutdown.cancelled() => return self.sink,
                () = sleep(wait) => {}
            }
        }
    }

    /// Counts and reports a failure, and tells how long to wait: twice as long as after the last one since a commit.
    fn wait_after(&mut self, error: &LaneError) -> Duration {
        if matches!(error, LaneError::NotKept) {
            self.small_commits = SMALL_COMMITS;
            return Duration::ZERO;
        }
        self.report(error);
        let longest = Duration::from_millis(self.origin.config.max_retry_wait_ms);
        let wait = FIRST_RETRY_WAIT.saturating_mul(2_u32.saturating_pow(self.failures)).min(longest);
        self.failures = self.failures.saturating_add(1);
        if matches!(error, LaneError::Sink(SinkError::Moved)) { wait.max(MOVED_WAIT) } else { wait }
    }

    async fn deliver(&mut self, shutdown: &CancellationToken) -> Result<(), LaneError> {
        let begun = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            begun = self.begin() => begun?,
        };
        let idle = Instant::now() + Duration::from_millis(self.origin.config.max_retry_wait_ms);
        let mut stored = begun;
        let mut feed =
            Feed::new(self.sink.name(), self.sink.leads(), self.origin.clone(), self.ring.clone(), stored.clone());
        let mut staged = Staged::default();
        loop {
            let pace = self.sink.pace();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.commit(&mut stored, &mut staged, feed.at(), shutdown).await,
                () = staged.is_due(pace.max_age) => self.commit(&mut stored, &mut staged, feed.at(), shutdown).await?,
                // The log may hold nothing for this sink though its end is further on.
                () = sleep_until(idle), if staged.is_empty() && self.status.is_retrying() => self.recovered(&stored),
                batch = feed.next(pace.max_events) => {
                    let is_small = self.small_commits > 0;
                    if let Err(refusal) = Refusal::of(self.stage(&mut staged, batch?).await)? {
                        let refused = std::mem::take(&mut staged);
                        self.bisect(&mut stored, refused, refusal, shutdown).await?;
                    } else if staged.rows >= pace.max_events || staged.bytes >= pace.max_bytes || is_small && staged.is_full() {
                        self.commit(&mut stored, &mut staged, feed.at(), shutdown).await?;
                    }
                }
            }
        }
    }

    /// Finds out where to go on. A sink that has no position yet gets one at once, so that a later start does not move it.
    async fn begin(&mut self) -> Result<Positions, LaneError> {
        let stored = self.sink.resume(&self.origin.topic).await?;
        if stored.is_empty() {
            self.beginning.check_known(&self.origin, &self.status.known()).await?;
        }
        let reached = self.beginning.positions(&self.origin, &stored).await?;
        let is_at_end = self.beginning.is_at_end(&self.origin, &reached).await?;
        let advance = stored.advance_to(&self.origin.topic, &reached);
        if !advance.steps.is_empty() {
            self.sink.commit(&advance).await?;
        }
        let (reached, _others) = reached.split(&self.beginning.partitions);
        self.status.resumed(&reached);
        if is_at_end {
            self.recovered(&reached);
        }
        if is_at_end || !self.sink.refuses() {
            self.refused.skip_loading();
        } else {
            let sink = self.sink.name().to_owned();
            self.refused.load(self.dead_letters.as_ref(), &sink, &self.origin.topic, &reached).await?;
        }
        self.refused.forget_before(&reached);
        // The head listens only until it has begun itself; then what is sent is not needed.
        let _ = self.began.try_send(reached.clone());
        Ok(reached)
    }

    /// Hands the batch to the sink, without the rows that it has refused.
    pub(crate) async fn stage(&mut self, staged: &mut Staged, batch: Arc<Batch>) -> Result<(), SinkError> {
        let (batch, refused) = self.refused.without(batch);
        staged.add(&batch, self.sink.rows(&batch), refused);
        self.sink.write(&batch).await
    }

    /// Commits what is staged, but for the rows that the sink refuses.
    async fn commit(
        &mut self,
        stored: &mut Positions,
        staged: &mut Staged,
        at: &Positions,
        shutdown: &CancellationToken,
    ) -> Result<(), LaneError> {
        match Refusal::of(self.publish(stored, staged, at).await)? {
            Ok(()) => Ok(()),
            Err(refusal) => self.bisect(stored, std::mem::take(staged), refusal, shutdown).await,
        }
    }

    /// Commits what is staged. Unless that succeeds, `stored` and `staged` stay as they are.
    pub(crate) async fn publish(
        &mut self,
        stored: &mut Positions,
        staged: &mut Staged,
        at: &Positions,
    ) -> Result<(), SinkError> {
        let advance = stored.advance_to(&self.origin.topic, at);
        if advance.steps.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        self.sink.commit(&advance).await?;
        histogram!(SINK_COMMIT_SECONDS, "sink" => self.sink.name().to_owned()).record(began.elapsed());
        stored.apply(&advance);
        self.small_commits = self.small_commits.saturating_sub(1);
        self.settle(std::mem::take(staged));
        self.recovered(stored);
        Ok(())
    }

    fn settle(&self, staged: Staged) {
        for (outcome, events) in staged.outcomes() {
            counter!(SINK_EVENTS, "sink" => self.sink.name().to_owned(), "outcome" => outcome.as_str())
                .increment(events as u64);
            self.status.count(outcome, events);
        }
    }

    /// Ends a row of failures.
    fn recovered(&mut self, stored: &Positions) {
        self.failures = 0;
        let attempts = self.status.running(stored);
        if attempts > 0 {
            tracing::info!(sink = self.sink.name(), attempts, "a sink has recovered");
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

/// Ends when `shutdown` is too long ago.
async fn overdue(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    sleep(STOP_TIMEOUT).await;
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
