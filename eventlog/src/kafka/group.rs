//! One group as this process knows it: who asks for its positions, who commits now, and what is owned.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use event::Step;
use tokio::sync::OwnedMutexGuard;

use super::client::Clients;
use super::membership::{Holding, Share};
use super::queries::{Asked, asked};
use crate::LogError;

pub(super) struct Group {
    pub(super) name: String,
    consumer: Mutex<Option<Asked>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    /// By topic, from the moment that this process first joined.
    shares: Mutex<HashMap<String, Weak<Share>>>,
}

impl Group {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), consumer: Mutex::default(), turn: Arc::default(), shares: Mutex::default() }
    }

    /// A consumer to ask for the group's positions.
    pub(super) fn consumer(&self, clients: &Clients) -> Result<Asked, LogError> {
        let mut consumer = self.consumer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(consumer) = consumer.as_ref() {
            return Ok(consumer.clone());
        }
        Ok(consumer.insert(asked(clients, Some(&self.name))?).clone())
    }

    /// The turn to commit.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        self.turn.clone().lock_owned().await
    }

    pub(super) fn joined(&self, topic: &str, share: &Arc<Share>) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.insert(topic.to_owned(), Arc::downgrade(share));
    }

    /// What this process owns of a topic, which must include all partitions of `steps` that have a position; `None` when it
    /// never joined.
    ///
    /// # Errors
    /// `Moved` when a partition is not, or no more, this process's.
    pub(super) fn holding(&self, topic: &str, steps: &[Step]) -> Result<Option<Arc<Holding>>, LogError> {
        let shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(share) = shares.get(topic) else { return Ok(None) };
        let holding = share.upgrade().and_then(|share| share.holding()).ok_or(LogError::Moved)?;
        let owns_all = steps.iter().all(|step| step.expected.is_none() || holding.partitions.contains(&step.partition));
        if owns_all { Ok(Some(holding)) } else { Err(LogError::Moved) }
    }
}
