//! Partitions of the remote that take nothing while others do: their records wait in lanes of their own, each a topic of the
//! store, so that they hold nothing else up.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::batch::{Batch, Part};
use super::frame;
use super::replay::{Pace, Replay, Stored};
use super::store::lane_topic;
use eventlog::{LogError, NewRecord};

/// Which partitions the failed records of one append have to be parked for, given the partition of each as far as it is
/// known. An outage of the whole remote is none of these.
pub(super) fn troubled(failed: &[Option<i32>], others_were_taken: bool) -> BTreeSet<i32> {
    let partitions: BTreeSet<i32> = failed.iter().flatten().copied().collect();
    let is_alone = partitions.len() == 1 && failed.iter().all(Option::is_some);
    if others_were_taken || is_alone { partitions } else { BTreeSet::new() }
}

impl Replay {
    fn partitions_of(&self, topic: &str, records: &[NewRecord]) -> Vec<Option<i32>> {
        records.iter().map(|record| self.remote.partition_of(topic, &record.key)).collect()
    }

    /// Takes out of a part what has to wait behind records of the same partition.
    pub(super) fn without_parked(&self, part: Part, batch: &mut Batch) -> Part {
        let waiting: BTreeSet<i32> = self.gate.lanes().into_iter().chain(batch.parked.keys().copied()).collect();
        match part {
            Part::Sendable { topic, records } if !waiting.is_empty() => {
                let records = self.park(&topic, records, &waiting, &mut batch.parked);
                Part::Sendable { topic, records }
            }
            part => part,
        }
    }

    /// After an append that failed, with or without having taken some: what is left to be tried again.
    pub(super) fn without_troubled(&self, part: Part, others_were_taken: bool, batch: &mut Batch) -> Part {
        let Part::Sendable { topic, records } = part else { return part };
        let partitions = troubled(&self.partitions_of(&topic, &records), others_were_taken);
        if let Some(partition) = partitions.first() {
            tracing::warn!(topic, partition, "a partition takes nothing: its records wait apart from the others");
        }
        let records = self.park(&topic, records, &partitions, &mut batch.parked);
        Part::Sendable { topic, records }
    }

    /// Moves the records of some partitions to what is to be parked, and gives the others back.
    fn park(
        &self,
        topic: &str,
        records: Vec<NewRecord>,
        partitions: &BTreeSet<i32>,
        parked: &mut BTreeMap<i32, Vec<Bytes>>,
    ) -> Vec<NewRecord> {
        let mut others = Vec::with_capacity(records.len());
        for (partition, record) in self.partitions_of(topic, &records).into_iter().zip(records) {
            match partition.filter(|partition| partitions.contains(partition)) {
                Some(partition) => parked.entry(partition).or_default().push(frame::encode(topic, &record)),
                None => others.push(record),
            }
        }
        others
    }

    /// Makes durable what a batch has for the lanes, and lets these begin.
    pub(super) async fn fill_lanes(&self, batch: &mut Batch) -> Result<(), LogError> {
        while let Some((partition, frames)) = batch.parked.first_key_value() {
            let first = self.store.park(*partition, frames.clone()).await?;
            let (records, bytes) = (frames.len() as u64, frames.iter().map(|frame| frame.len() as u64).sum());
            self.gate.park(*partition, first, records, bytes);
            batch.parked_records += records;
            batch.parked.pop_first();
        }
        Ok(())
    }

    /// Replays each lane for as long as it holds anything.
    pub(super) async fn replay_lanes(&self) {
        // A panic must not leave the lanes without a replay.
        while AssertUnwindSafe(self.replay_announced_lanes()).catch_unwind().await.is_err() {
            tracing::error!("the replay of the spool's lanes panicked and starts anew");
            sleep(self.max_pause).await;
        }
    }

    async fn replay_announced_lanes(&self) {
        let (announce, mut announced) = mpsc::unbounded_channel();
        self.gate.announce_lanes(announce);
        let mut lanes = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(partition) = announced.recv() => lanes.push(self.replay_lane(partition)),
                Some(()) = lanes.next() => {}
                else => return,
            }
        }
    }

    async fn replay_lane(&self, partition: i32) {
        let topic = lane_topic(partition);
        let (mut pace, mut stored) = (Pace::new(self.max_pause), None);
        loop {
            match self.read_lane(&topic, partition, &mut stored).await {
                Ok(batch) => self.deliver_of_lane(&topic, partition, batch, &mut pace).await,
                Err(error) => {
                    stored = None;
                    pace.tell(&error);
                    sleep(pace.failed()).await;
                }
            }
            // Nothing is parked while this is held.
            let _turn = self.turn.lock().await;
            if self.gate.close_lane_if_empty(partition) {
                tracing::info!(partition, "a partition takes records again");
                return;
            }
        }
    }

    async fn read_lane(&self, topic: &str, partition: i32, stored: &mut Option<Stored>) -> Result<Batch, LogError> {
        let stored = match stored {
            Some(stored) => stored,
            None => stored.insert(Stored::new(self.store.reader(topic, self.gate.replayed_of(partition)).await?)),
        };
        Ok(Batch::new(stored.next(self.batch_bytes).await?, &BTreeSet::new()))
    }

    /// Tries until the batch is in the remote and that is noted.
    async fn deliver_of_lane(&self, topic: &str, partition: i32, mut batch: Batch, pace: &mut Pace) {
        loop {
            let attempt = async {
                while let Some(part) = batch.parts.pop_front() {
                    if let Err(left) = self.deliver_part(part, &mut batch).await {
                        batch.parts.push_front(left.part);
                        return Err(left.error);
                    }
                }
                self.store.forget(topic, batch.next).await
            };
            let Err(error) = attempt.await else { break };
            pace.tell(&error);
            sleep(pace.failed()).await;
        }
        pace.succeeded(0);
        self.gate.replay_of(partition, batch.next, batch.records, batch.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_in_trouble_of_its_own_when_others_are_not() {
        for (failed, others_were_taken, expected) in [
            (vec![Some(1), Some(1)], false, vec![1]),
            (vec![Some(1), Some(2)], false, vec![]),
            (vec![Some(1), None], false, vec![]),
            (vec![Some(1), Some(2), None], true, vec![1, 2]),
            (vec![None], true, vec![]),
        ] {
            let partitions: Vec<i32> = troubled(&failed, others_were_taken).into_iter().collect();
            assert_eq!(partitions, expected, "{failed:?} {others_were_taken}");
        }
    }
}
