//! Transactions on the memory log, and membership of its groups.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use event::Advance;
use tokio::sync::watch;

use super::log::Inner;
use super::{Action, Operation};
use crate::{LogError, Membership, NewRecord, Transactor};

pub(super) struct MemoryTransactor {
    log: Arc<Inner>,
    group: String,
    output: String,
}

impl MemoryTransactor {
    pub(super) fn new(log: Arc<Inner>, group: &str, output: &str) -> Self {
        Self { log, group: group.to_owned(), output: output.to_owned() }
    }
}

#[async_trait]
impl Transactor for MemoryTransactor {
    async fn commit(&mut self, outputs: Vec<NewRecord>, advance: &Advance) -> Result<(), LogError> {
        let key = (self.group.clone(), advance.topic.to_string());
        let result = self.log.state().attempt(Operation::Commit, |state| {
            if !advance.follows(&state.positions.get(&key).cloned().unwrap_or_default()) {
                return Err(LogError::Moved);
            }
            let at = state.append(&self.output, outputs)?;
            state.positions.entry(key).or_default().apply(advance);
            let (group, output) = (self.group.clone(), self.output.clone());
            state.actions.push(Action::Commit { group, output, at, advance: advance.clone() });
            Ok(())
        });
        self.log.changed.send_replace(());
        result
    }
}

pub(super) struct MemoryMembership {
    assignment: watch::Receiver<Vec<i32>>,
}

impl MemoryMembership {
    pub(super) fn new(mut assignment: watch::Receiver<Vec<i32>>) -> Self {
        assignment.mark_changed();
        Self { assignment }
    }
}

#[async_trait]
impl Membership for MemoryMembership {
    async fn assigned(&mut self) -> Result<Vec<i32>, LogError> {
        match self.assignment.changed().await {
            Ok(()) => Ok(self.assignment.borrow_and_update().clone()),
            Err(_) => pending().await,
        }
    }
}
