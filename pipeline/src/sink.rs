//! The port to a sink: it stages rows, publishes them together with the log positions that they reach, and knows where
//! it stands.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, DeadLetter, Positions};
use eventlog::LogError;

use crate::Batch;

/// When a sink wants what it has staged to be committed: at whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Events staged.
    pub max_events: usize,
    /// Size of the records that they came from, in bytes.
    pub max_bytes: usize,
    /// Age of the oldest staged event.
    pub max_age: Duration,
}

/// Where enriched events end. One lane owns a sink; calls never overlap, and a call may be dropped while it waits:
/// [`Sink::resume`] always comes before anything else then.
#[async_trait]
pub trait Sink: Send {
    /// One word for metrics, positions and dead letters.
    fn name(&self) -> &str;

    /// When to commit.
    fn pace(&self) -> Pace;

    /// How many rows of the batch this sink writes.
    fn rows(&self, batch: &Batch) -> usize {
        batch.events.len()
    }

    /// Whether the reading of the log keeps up with this sink when it is the fastest. Not for one that writes next to nothing:
    /// it would run ahead of all others, and each of them would have to read the log by itself.
    fn leads(&self) -> bool {
        true
    }

    /// Whether rows of this sink can have dead letters, which its lane has to look for when it begins.
    fn refuses(&self) -> bool {
        true
    }

    /// Drops whatever is staged, reconnects if need be, and tells where the sink stands in `topic`, read from the place
    /// where its rows live. Called at the start and after every error.
    async fn resume(&mut self, topic: &str) -> Result<Positions, SinkError>;

    /// Stages the batch's rows. Nobody sees them before the commit.
    async fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError>;

    /// Publishes everything staged and applies `advance` to the stored positions, atomically. Returns once durable.
    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError>;
}

/// Why a sink could not go on, told apart by what its lane does about it.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Wait, resume and try again: the sink is away or failed in a way that says nothing about the rows.
    #[error("{context}")]
    Retry {
        /// What was attempted.
        context: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Some staged row can never be written. The lane searches it by bisecting what is staged and keeps it as a dead letter.
    #[error("a row was refused: {reason}")]
    Refused {
        /// Why, for the dead letter.
        reason: String,
    },
    /// Some staged row may be what the sink cannot take, as nothing else explains its answer. Searched like a refused row;
    /// it is a dead letter once the sink has given the same answer to it alone several times.
    #[error("a row seems to be refused: {reason}")]
    Suspect {
        /// Why, for the dead letter.
        reason: String,
    },
    /// The stored positions are not the expected ones: another process is ahead, nothing was written.
    #[error("another process has moved the positions of this sink")]
    Moved,
}

impl SinkError {
    /// A failure worth trying again.
    pub fn retry(context: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Retry { context: context.into(), source: source.into() }
    }
}

/// Where lanes keep the rows that their sink refused.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Makes the letters durable. The same letter may come again after a crash; its position and stage identify it.
    async fn append(&self, letters: &[DeadLetter]) -> Result<(), LogError>;

    /// The letters of rows of `topic` that the named sink refused at these positions or after them, replayed or not.
    async fn of_sink(&self, sink: &str, topic: &str, from: &Positions) -> Result<Vec<DeadLetter>, LogError>;
}
