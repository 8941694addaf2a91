//! A sink in memory that records what was done to it and fails when told to.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, DeadLetter, Enriched, Positions};
use eventlog::LogError;
use pipeline::{Batch, DeadLetters, Pace, Sink, SinkError};

/// What happens to the sink's calls.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// Every call fails.
    pub down: bool,
    /// Share of calls that fail, in percent; half of the failing commits have happened all the same.
    pub percent: u32,
    /// A row whose url holds this is refused.
    pub refused: Option<&'static str>,
}

#[derive(Default)]
pub struct State {
    /// Urls of the published rows.
    pub rows: Vec<String>,
    /// The published rows.
    pub events: Vec<Enriched>,
    pub positions: Positions,
    pub faults: Faults,
    pub biggest_commit: usize,
}

/// The sink's store, which outlives sinks as a database outlives its clients.
#[derive(Clone, Default)]
pub struct Store(Arc<Mutex<State>>);

impl Store {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn sink(&self, name: &str) -> Box<dyn Sink> {
        Box::new(StoreSink { name: name.to_owned(), store: self.clone(), staged: Vec::new() })
    }
}

struct StoreSink {
    name: String,
    store: Store,
    staged: Vec<Enriched>,
}

impl StoreSink {
    fn attempt(&self) -> Result<(), SinkError> {
        let faults = self.store.state().faults;
        let failed = faults.down || rand::random_range(0..100) < faults.percent;
        if failed { Err(SinkError::retry("use the store", "told to fail")) } else { Ok(()) }
    }
}

#[async_trait]
impl Sink for StoreSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn pace(&self) -> Pace {
        Pace { max_events: 500, max_bytes: usize::MAX, max_age: Duration::from_millis(5) }
    }

    async fn resume(&mut self, _topic: &str) -> Result<Positions, SinkError> {
        self.attempt()?;
        self.staged.clear();
        Ok(self.store.state().positions.clone())
    }

    async fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.attempt()?;
        self.staged.extend_from_slice(&batch.events);
        Ok(())
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        let before = self.attempt();
        if before.is_err() && rand::random() {
            return before;
        }
        let mut state = self.store.state();
        if !advance.follows(&state.positions) {
            return Err(SinkError::Moved);
        }
        if let Some(bad) = state.faults.refused
            && self.staged.iter().any(|row| url(row).contains(bad))
        {
            return Err(SinkError::Refused { reason: format!("{bad} is not welcome") });
        }
        state.biggest_commit = state.biggest_commit.max(self.staged.len());
        state.rows.extend(self.staged.iter().map(url));
        state.events.append(&mut self.staged);
        state.positions.apply(advance);
        before
    }
}

fn url(row: &Enriched) -> String {
    row.event.url().unwrap_or_default().to_owned()
}

/// Dead letters in memory.
#[derive(Clone, Default)]
pub struct Letters(pub Arc<Mutex<Vec<DeadLetter>>>);

#[async_trait]
impl DeadLetters for Letters {
    async fn append(&self, letters: &[DeadLetter]) -> Result<(), LogError> {
        self.0.lock().unwrap().extend_from_slice(letters);
        Ok(())
    }
}
