//! A sink in memory that records what was done to it and fails when told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, DeadLetter, Enriched, Positions, Stage};
use eventlog::LogError;
use pipeline::{Batch, DeadLetters, Pace, Sink, SinkError};
use tokio::time::Instant;

/// What happens to the sink's calls.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// Every call fails.
    pub down: bool,
    /// Share of calls that fail, in percent; half of the failing commits have happened all the same.
    pub percent: u32,
    /// A row whose url holds this is refused.
    pub refused: Option<&'static str>,
    /// A row whose url holds this is suspected, so many times.
    pub suspected: Option<(&'static str, u32)>,
    /// So many of the next commits fail.
    pub failing_commits: u32,
    /// Commits never return.
    pub hanging: bool,
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
    /// When each commit with rows was attempted.
    pub attempts: Vec<Instant>,
}

impl State {
    /// What the store says to the rows.
    fn check(&mut self, staged: &[Enriched]) -> Result<(), SinkError> {
        if !staged.is_empty() {
            self.attempts.push(Instant::now());
            if let Some(left) = self.faults.failing_commits.checked_sub(1) {
                self.faults.failing_commits = left;
                return Err(SinkError::retry("use the store", "told to fail"));
            }
        }
        let suspected = self.faults.suspected.filter(|(_, times)| *times > 0);
        if let Some((part, times)) = suspected.filter(|(part, _)| holds(staged, part)) {
            self.faults.suspected = Some((part, times - 1));
            return Err(SinkError::Suspect { reason: format!("{part} is odd") });
        }
        match self.faults.refused.filter(|part| holds(staged, part)) {
            Some(part) => Err(SinkError::Refused { reason: format!("{part} is not welcome") }),
            None => Ok(()),
        }
    }
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
        if self.store.state().faults.hanging {
            std::future::pending::<()>().await;
        }
        let before = self.attempt();
        if before.is_err() && rand::random() {
            return before;
        }
        let mut state = self.store.state();
        if !advance.follows(&state.positions) {
            return Err(SinkError::Moved);
        }
        state.check(&self.staged)?;
        state.biggest_commit = state.biggest_commit.max(self.staged.len());
        state.rows.extend(self.staged.iter().map(url));
        state.events.append(&mut self.staged);
        state.positions.apply(advance);
        before
    }
}

fn holds(staged: &[Enriched], part: &str) -> bool {
    staged.iter().any(|row| url(row).contains(part))
}

fn url(row: &Enriched) -> String {
    row.event.url().unwrap_or_default().to_owned()
}

/// Dead letters in memory.
#[derive(Clone, Default)]
pub struct Letters {
    pub kept: Arc<Mutex<Vec<DeadLetter>>>,
    /// Whether an append never returns, though the letters are durable.
    pub hangs: Arc<AtomicBool>,
}

impl Letters {
    pub fn all(&self) -> Vec<DeadLetter> {
        self.kept.lock().unwrap().clone()
    }
}

#[async_trait]
impl DeadLetters for Letters {
    async fn append(&self, letters: &[DeadLetter]) -> Result<(), LogError> {
        self.kept.lock().unwrap().extend_from_slice(letters);
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn of_sink(&self, sink: &str, topic: &str, from: &Positions) -> Result<Vec<DeadLetter>, LogError> {
        let is_wanted = |letter: &DeadLetter| {
            let position = &letter.position;
            letter.stage == Stage::Sink(sink.to_owned())
                && *position.topic == *topic
                && from.get(position.partition).is_some_and(|next| position.offset >= next)
        };
        Ok(self.all().into_iter().filter(is_wanted).collect())
    }
}
