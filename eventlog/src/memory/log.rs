//! The memory log as a whole.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use event::{Positions, Timestamp};
use tokio::sync::watch;

use super::reader::MemoryReader;
use super::state::{Fault, State};
use super::transactor::{MemoryMembership, MemoryTransactor};
use super::{Action, Operation};
use crate::{EventLog, LogError, Membership, NewRecord, Reader, Transactor};

/// A log that forgets everything when it is dropped.
pub struct MemoryLog(Arc<Inner>);

pub(super) struct Inner {
    state: Mutex<State>,
    /// Told of every change that a waiting reader may want to see.
    pub(super) changed: watch::Sender<()>,
    assignment: watch::Sender<Vec<i32>>,
}

impl Inner {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryLog {
    /// An empty log whose topics have this many partitions, at least one.
    ///
    /// # Panics
    /// With fewer than one partition.
    pub fn new(partitions: i32) -> Arc<Self> {
        assert!(partitions > 0, "a topic has at least one partition");
        let inner = Inner {
            state: Mutex::new(State::new(partitions)),
            changed: watch::Sender::new(()),
            assignment: watch::Sender::new((0..partitions).collect()),
        };
        Arc::new(Self(inner.into()))
    }

    /// What was done so far, in order.
    pub fn actions(&self) -> Vec<Action> {
        self.0.state().actions.clone()
    }

    /// Lets the next call of an operation fail without effect. Several failures come in the order in which they were given.
    pub fn fail_next(&self, operation: Operation, error: LogError) {
        self.0.state().faults.push((operation, Fault::Refuse(error)));
        self.0.changed.send_replace(());
    }

    /// Lets the next call of an operation take effect and yet return `Unavailable`.
    pub fn lose_next_answer(&self, operation: Operation) {
        self.0.state().faults.push((operation, Fault::LoseAnswer));
    }

    /// While unavailable, every [`Operation`] fails without effect; a reader that waits fails too.
    pub fn set_available(&self, available: bool) {
        self.0.state().unavailable = !available;
        self.0.changed.send_replace(());
    }

    /// Sets the time of the records to come; it does not run on by itself. An earlier time than a record's has no effect.
    pub fn set_time(&self, time: Timestamp) {
        self.0.state().time = Some(time);
    }

    /// Gives every member these partitions from now on.
    pub fn set_assignment(&self, partitions: Vec<i32>) {
        self.0.assignment.send_replace(partitions);
    }

    /// Removes the records before an offset, as retention does.
    ///
    /// # Errors
    /// `OutOfRange` for an unknown partition.
    pub fn remove_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.0.state().partition(topic, partition)?.remove_before(offset);
        Ok(())
    }

    /// Removes the records from an offset on, as a broker does that comes back without its newest ones.
    ///
    /// # Errors
    /// `OutOfRange` for an unknown partition.
    pub fn remove_from(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        self.0.state().partition(topic, partition)?.remove_from(offset);
        self.0.changed.send_replace(());
        Ok(())
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn append(&self, topic: &str, records: Vec<NewRecord>) -> Result<Vec<(i32, i64)>, LogError> {
        let result = self.0.state().attempt(Operation::Append, |state| {
            let at = state.append(topic, records)?;
            if !at.is_empty() {
                state.actions.push(Action::Append { topic: topic.to_owned(), at: at.clone() });
            }
            Ok(at)
        });
        self.0.changed.send_replace(());
        result
    }

    async fn is_own(&self, _topic: &str) -> Result<bool, LogError> {
        Ok(true)
    }

    async fn partitions(&self, topic: &str) -> Result<Vec<i32>, LogError> {
        Ok((0..).zip(self.0.state().topic(topic).iter()).map(|(partition, _)| partition).collect())
    }

    async fn bounds(&self, topic: &str, partition: i32) -> Result<Range<i64>, LogError> {
        Ok(self.0.state().partition(topic, partition)?.bounds())
    }

    async fn offset_for_time(&self, topic: &str, partition: i32, time: Timestamp) -> Result<i64, LogError> {
        Ok(self.0.state().partition(topic, partition)?.offset_for_time(time))
    }

    async fn positions(&self, group: &str, topic: &str) -> Result<Positions, LogError> {
        let key = (group.to_owned(), topic.to_owned());
        self.0.state().attempt(Operation::Positions, |state| Ok(state.positions.get(&key).cloned().unwrap_or_default()))
    }

    async fn reader(&self, topic: &str) -> Result<Box<dyn Reader>, LogError> {
        Ok(Box::new(MemoryReader::new(self.0.clone(), topic)))
    }

    async fn join(&self, _group: &str, _topic: &str) -> Result<Box<dyn Membership>, LogError> {
        Ok(Box::new(MemoryMembership::new(self.0.assignment.subscribe())))
    }

    async fn transactor(&self, group: &str, output: &str) -> Result<Box<dyn Transactor>, LogError> {
        Ok(Box::new(MemoryTransactor::new(self.0.clone(), group, output)))
    }

    async fn release(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        let mut state = self.0.state();
        state.partition(topic, partition)?;
        state.actions.push(Action::Release { topic: topic.to_owned(), partition, offset });
        Ok(())
    }
}
