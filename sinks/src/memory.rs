//! A sink in memory, for tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, Enriched, Positions};
use pipeline::{Batch, Pace, Sink, SinkError};

/// What was committed: shared by all the sinks made from it, as a database would be.
#[derive(Clone, Default)]
pub struct MemoryStore {
    committed: Arc<Mutex<Committed>>,
}

#[derive(Default)]
struct Committed {
    events: Vec<Enriched>,
    positions: HashMap<String, Positions>,
}

impl MemoryStore {
    /// A new sink of this store.
    pub fn sink(&self) -> MemorySink {
        MemorySink { store: self.clone(), staged: None }
    }

    /// The committed events, in the order of their commits.
    pub fn events(&self) -> Vec<Enriched> {
        self.lock().events.clone()
    }

    /// The committed positions in `topic`.
    pub fn positions(&self, topic: &str) -> Positions {
        self.lock().positions.get(topic).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Committed> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sink of a [`MemoryStore`].
pub struct MemorySink {
    store: MemoryStore,
    /// `None` until resumed.
    staged: Option<Vec<Enriched>>,
}

#[async_trait]
impl Sink for MemorySink {
    fn name(&self) -> &str {
        "memory"
    }

    fn pace(&self) -> Pace {
        Pace { max_events: 1_000, max_bytes: usize::MAX, max_age: Duration::from_millis(10) }
    }

    async fn resume(&mut self, topic: &str) -> Result<Positions, SinkError> {
        self.staged = Some(vec![]);
        Ok(self.store.positions(topic))
    }

    async fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.staged.as_mut().ok_or_else(|| not_resumed("write"))?.extend_from_slice(&batch.events);
        Ok(())
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        let staged = self.staged.take().ok_or_else(|| not_resumed("commit"))?;
        let mut committed = self.store.lock();
        let positions = committed.positions.entry(advance.topic.to_string()).or_default();
        if !advance.follows(positions) {
            return Err(SinkError::Moved);
        }
        positions.apply(advance);
        committed.events.extend(staged);
        self.staged = Some(vec![]);
        Ok(())
    }
}

fn not_resumed(attempt: &str) -> SinkError {
    SinkError::retry(attempt, "the sink was not resumed after a failure")
}
