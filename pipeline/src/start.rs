//! Where a sink begins: where it stands, or, at the first start of all on a topic, where the configuration says. A partition
//! that was added since begins at its first record.

use std::collections::BTreeMap;
use std::ops::Range;

use event::Positions;
use eventlog::LogError;
use metrics::counter;
use tokio::sync::OnceCell;

use crate::config::{OnMissing, Start};
use crate::identity;
use crate::metrics::LOST_RECORDS;
use crate::source::Origin;

/// What the sinks of a process need to know to begin with the partitions that are the process's.
pub(crate) struct Beginning {
    /// The group whose positions `Start::Group` means.
    pub group: String,
    /// The partitions of this process.
    pub partitions: Vec<i32>,
    /// Where every partition of the topic starts, decided once for all sinks.
    first: OnceCell<Positions>,
}

impl Beginning {
    pub fn new(group: &str, partitions: Vec<i32>) -> Self {
        Self { group: group.to_owned(), partitions, first: OnceCell::new() }
    }

    /// Where a sink that stands at `stored` goes on: in the partitions of this process, or, when it stands nowhere, in every
    /// partition of the topic, so that a partition without a position is known for one that was added later.
    ///
    /// # Errors
    /// `OutOfRange` and `Replaced` when the log does not hold what the sink had; `Unavailable` also while another process is
    /// to set the first positions.
    pub async fn positions(&self, origin: &Origin, stored: &Positions) -> Result<Positions, LogError> {
        if stored.is_empty() {
            return self.first.get_or_try_init(|| self.first_positions(origin)).await.cloned();
        }
        let (mut reached, mut marks) = (Positions::default(), BTreeMap::new());
        for partition in &self.partitions {
            let held = origin.log.bounds(&origin.topic, *partition).await?;
            let Some(next) = stored.get(*partition) else {
                let start = origin.config.start_offsets.get(partition).copied().unwrap_or(held.start);
                reached.set(*partition, start);
                continue;
            };
            reached.set(*partition, resume_at(next, &held, *partition, origin.config.on_missing)?);
            if let Some(mark) = stored.last(*partition).filter(|mark| held.contains(&mark.offset())) {
                reached.mark(*partition, mark);
                marks.insert(*partition, mark);
            }
        }
        identity::check(origin, &marks).await?;
        Ok(reached)
    }

    /// Whether the log still holds what a sink had that has no position any more. Kafka forgets the positions of a group in a topic
    /// that is deleted, and one that was made anew must not look like a first start.
    ///
    /// # Errors
    /// As [`Beginning::positions`].
    pub async fn check_known(&self, origin: &Origin, known: &Positions) -> Result<(), LogError> {
        if known.is_empty() { Ok(()) } else { self.positions(origin, known).await.map(drop) }
    }

    /// Whether nothing is left to be delivered in the partitions of this process.
    pub async fn is_at_end(&self, origin: &Origin, reached: &Positions) -> Result<bool, LogError> {
        for partition in &self.partitions {
            let held = origin.log.bounds(&origin.topic, *partition).await?;
            if reached.get(*partition).is_none_or(|next| next < held.end) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One process of a group sets them, and the others wait for that: two that both find none must not overwrite each other's.
    async fn first_positions(&self, origin: &Origin) -> Result<Positions, LogError> {
        let all = origin.log.partitions(&origin.topic).await?;
        if all.iter().min() != self.partitions.iter().min() {
            let reason = "another worker of the group is about to set the first positions".to_owned();
            return Err(LogError::Unavailable { reason });
        }
        let start = first_start(origin).await?;
        let committed = match start {
            Start::Group => origin.log.positions(&self.group, &origin.topic).await?,
            _ => Positions::default(),
        };
        let (mut first, mut passed) = (Positions::default(), 0);
        for partition in all {
            let held = origin.log.bounds(&origin.topic, partition).await?;
            let offset = match (origin.config.start_offsets.get(&partition), start) {
                (Some(offset), _) => *offset,
                (None, Start::Earliest) => held.start,
                (None, Start::Latest) => held.end,
                (None, Start::Group) => committed.get(partition).unwrap_or(held.start),
                (None, Start::Time(time)) => origin.log.offset_for_time(&origin.topic, partition, time).await?,
            };
            passed += offset.saturating_sub(held.start);
            first.set(partition, offset);
        }
        if start == Start::Latest && passed > 0 {
            tracing::warn!(
                topic = &*origin.topic,
                records = passed,
                "the topic holds records that are not delivered, as a first start is at its end: set pipeline.start = \
                 \"earliest\" before the first start to get them"
            );
        }
        Ok(first)
    }
}

/// Unless the configuration says: all of a topic that pageberg made, which holds nothing but what its senders were promised;
/// of another only what is to come, for it may hold the past of others.
async fn first_start(origin: &Origin) -> Result<Start, LogError> {
    match origin.config.start {
        Some(start) => Ok(start),
        None if origin.log.is_own(&origin.topic).await? => Ok(Start::Earliest),
        None => Ok(Start::Latest),
    }
}

/// Where a sink that stands at `stored` goes on: there, or, when the log no longer holds that and the operator has said so,
/// at the oldest record held.
///
/// # Errors
/// `OutOfRange` when the log does not hold it and nobody has said to skip. Always for a position after the end: this is another
/// log, or one that has lost records, and only an operator can tell what of it was delivered.
fn resume_at(stored: i64, held: &Range<i64>, partition: i32, on_missing: OnMissing) -> Result<i64, LogError> {
    if (held.start..=held.end).contains(&stored) {
        return Ok(stored);
    }
    if on_missing == OnMissing::Stop || stored > held.end {
        return Err(LogError::OutOfRange { partition, requested: stored, held: held.clone() });
    }
    let lost = u64::try_from(held.start.saturating_sub(stored)).unwrap_or_default();
    counter!(LOST_RECORDS).increment(lost);
    tracing::error!(
        partition,
        stored,
        ?held,
        lost,
        "the log does not hold a sink's position; going on with its oldest record"
    );
    Ok(held.start)
}
