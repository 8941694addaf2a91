//! Runs the head and the lanes for as long as the assignment of partitions stays the same, then anew.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use event::Positions;
use eventlog::{EventLog, LogError};
use geodata::LiveDatabase;
use metrics::gauge;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError};
use crate::enrich::Contents;
use crate::lane::Lane;
use crate::metrics::SINK_LAG;
use crate::refused::Refused;
use crate::ring::Ring;
use crate::source::Origin;
use crate::start::Beginning;
use crate::status::Status;
use crate::{DeadLetters, Sink, head};

const HOUSEKEEPING: Duration = Duration::from_secs(1);
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// More than there are sinks.
const BEGINS: usize = 64;

/// Asks the log until it answers; `None` at shutdown. A macro, because a closure that lends what it captures to the future
/// cannot be shown to be `Send`.
macro_rules! persist {
    ($shutdown:expr, $ask:expr) => {
        loop {
            match $shutdown.run_until_cancelled($ask).await {
                Some(Err(error)) if error.is_retriable() => {
                    tracing::warn!(%error, "the log does not answer; trying again");
                    $shutdown.run_until_cancelled(sleep(RETRY_WAIT)).await;
                }
                Some(answer) => break Some(answer?),
                None => break None,
            }
        }
    };
}

/// Why the pipeline ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The log could not be asked for partitions or bounds.
    #[error("cannot read the log")]
    Log(#[from] LogError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A task panicked.
    #[error("a task of the pipeline failed")]
    Task(#[from] JoinError),
}

/// From one topic of the log to all sinks.
pub struct Pipeline {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The topic to read.
    pub topic: Arc<str>,
    /// What it holds.
    pub contents: Contents,
    /// The group that shares the topic's partitions.
    pub group: String,
    /// The geo databases.
    pub geo: Arc<LiveDatabase>,
    /// What was set.
    pub config: Config,
    /// The sinks, each with a name of its own.
    pub sinks: Vec<Box<dyn Sink>>,
    /// Where refused rows go.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Where the lanes tell how they are getting on.
    pub status: Status,
}

impl Pipeline {
    /// Delivers until `shutdown`; every lane then commits what it has staged.
    ///
    /// # Errors
    /// Only what no retry can mend; a failing sink is retried for ever.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), PipelineError> {
        let Self { log, topic, contents, group, geo, config, mut sinks, dead_letters, status } = self;
        config.check()?;
        let origin = Origin { log, topic, contents, geo, config: Arc::new(config) };
        let Some(mut membership) = persist!(shutdown, origin.log.join(&group, &origin.topic)) else { return Ok(()) };
        let mut assigned = persist!(shutdown, membership.assigned());
        while let Some(partitions) = assigned {
            let stop = shutdown.child_token();
            let beginning = Arc::new(Beginning::new(&group, partitions));
            let share = Share { origin: &origin, beginning, dead_letters: &dead_letters, status: &status };
            let mut running = pin!(share.deliver(sinks, stop.clone()));
            assigned = tokio::select! {
                done = &mut running => return done.map(drop).map_err(PipelineError::Task),
                changed = async { Ok::<_, LogError>(persist!(shutdown, membership.assigned())) } => changed?,
            };
            stop.cancel();
            sinks = running.await?;
            status.retain(assigned.as_deref().unwrap_or_default());
        }
        Ok(())
    }
}

/// The partitions that are this process's for now.
struct Share<'a> {
    origin: &'a Origin,
    beginning: Arc<Beginning>,
    dead_letters: &'a Arc<dyn DeadLetters>,
    status: &'a Status,
}

impl Share<'_> {
    /// Runs every sink's lane until `stop`, and gives the sinks back.
    async fn deliver(
        self,
        sinks: Vec<Box<dyn Sink>>,
        stop: CancellationToken,
    ) -> Result<Vec<Box<dyn Sink>>, JoinError> {
        let ring = Arc::new(Ring::new(self.origin.config.ring_bytes));
        let (began, begins) = mpsc::channel(BEGINS);
        let mut lanes = JoinSet::new();
        for sink in sinks {
            lanes.spawn(self.lane(sink, &ring, &began).run(stop.clone()));
        }
        let mut helpers = JoinSet::new();
        helpers.spawn(head::run(self.origin.clone(), ring.clone(), lanes.len(), begins));
        helpers.spawn(keep_house(self.origin.clone(), self.status.clone(), ring));
        let mut returned = Vec::new();
        loop {
            tokio::select! {
                Some(failed) = helpers.join_next() => failed?,
                lane = lanes.join_next() => match lane {
                    Some(sink) => returned.push(sink?),
                    None => return Ok(returned),
                },
            }
        }
    }

    fn lane(&self, sink: Box<dyn Sink>, ring: &Arc<Ring>, began: &mpsc::Sender<Positions>) -> Lane {
        Lane {
            status: self.status.lane(sink.name()),
            sink,
            origin: self.origin.clone(),
            ring: ring.clone(),
            dead_letters: self.dead_letters.clone(),
            beginning: self.beginning.clone(),
            began: began.clone(),
            refused: Refused::default(),
            small_commits: 0,
            failures: 0,
        }
    }
}

/// Tells the lag of each sink, and tells the log what no sink will read again.
async fn keep_house(origin: Origin, status: Status, ring: Arc<Ring>) {
    let mut ticks = interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = measure_and_release(&origin, &status, &ring).await {
            tracing::warn!(%error, "cannot ask the log for its bounds");
        }
    }
}

async fn measure_and_release(origin: &Origin, status: &Status, ring: &Ring) -> Result<(), LogError> {
    let window = i64::try_from(origin.config.duplicate_window_records).unwrap_or(i64::MAX);
    let mut slowest = std::collections::BTreeMap::<i32, Option<i64>>::new();
    for partition in origin.log.partitions(&origin.topic).await? {
        let held = origin.log.bounds(&origin.topic, partition).await?;
        if status.running().iter().any(|stored| stored.get(partition).is_some_and(|next| next > held.end)) {
            ring.suspect();
        }
        for (sink, stored) in status.stored() {
            let next = stored.get(partition);
            let least = slowest.entry(partition).or_insert(next);
            *least = (*least).zip(next).map(|(a, b)| a.min(b));
            if let Some(next) = next {
                gauge!(SINK_LAG, "sink" => sink, "partition" => partition.to_string()).set((held.end - next) as f64);
            }
        }
    }
    for (partition, next) in slowest {
        if let Some(next) = next {
            origin.log.release(&origin.topic, partition, next.saturating_sub(window)).await?;
        }
    }
    Ok(())
}
