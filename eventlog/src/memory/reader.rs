//! Reads the memory log's records.

use std::sync::Arc;

use async_trait::async_trait;
use event::Positions;

use super::log::Inner;
use super::state::State;
use super::{Action, Operation};
use crate::{LogError, Reader, Record};

pub(super) struct MemoryReader {
    log: Arc<Inner>,
    topic: String,
    positions: Positions,
}

impl MemoryReader {
    pub(super) fn new(log: Arc<Inner>, topic: &str) -> Self {
        Self { log, topic: topic.to_owned(), positions: Positions::default() }
    }

    /// Some of what is there now, the same from each partition that has any.
    fn read(&self, state: &mut State, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        let mut waiting = Vec::new();
        for (partition, from) in self.positions.iter() {
            if state.partition(&self.topic, partition)?.read(partition, from)?.next().is_some() {
                waiting.push((partition, from));
            }
        }
        let mut records = Vec::new();
        for (partition, from) in &waiting {
            let mut bytes = 0;
            for record in state.partition(&self.topic, *partition)?.read(*partition, *from)? {
                bytes += record.payload.len();
                records.push(record.clone());
                if bytes >= max_bytes / waiting.len() {
                    break;
                }
            }
        }
        Ok(records)
    }

    /// Hands out what is there; none when there is nothing.
    fn take(&mut self, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        let log = self.log.clone();
        let mut state = log.state();
        if !state.unavailable && self.read(&mut state, max_bytes)?.is_empty() {
            return Ok(Vec::new());
        }
        let records = state.attempt(Operation::Read, |state| self.read(state, max_bytes))?;
        for record in &records {
            self.positions.set(record.partition, record.offset + 1);
        }
        let at = records.iter().map(|record| (record.partition, record.offset)).collect();
        state.actions.push(Action::Read { topic: self.topic.clone(), at });
        Ok(records)
    }
}

#[async_trait]
impl Reader for MemoryReader {
    async fn assign(&mut self, positions: &Positions) -> Result<(), LogError> {
        let mut state = self.log.state();
        for (partition, _) in positions.iter() {
            state.partition(&self.topic, partition)?;
        }
        state.actions.push(Action::Assign { topic: self.topic.clone(), positions: positions.clone() });
        self.positions = positions.clone();
        Ok(())
    }

    async fn next(&mut self, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        let mut changed = self.log.changed.subscribe();
        loop {
            let records = self.take(max_bytes)?;
            if !records.is_empty() {
                return Ok(records);
            }
            // The reader keeps the sender alive.
            let _ = changed.changed().await;
        }
    }
}
