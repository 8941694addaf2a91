//! Appends dead letters outside of any transaction.

use std::sync::Arc;

use async_trait::async_trait;
use event::{DeadLetter, LetterRecord, LogPosition, Positions, Stage};
use eventlog::{EventLog, LogError, NewRecord};
use pipeline::DeadLetters;

use super::Listing;
use super::listing::Pass;
use super::rows::{record, record_within};

/// The dead-letter topic.
#[derive(Clone)]
pub struct DeadLetterQueue {
    log: Arc<dyn EventLog>,
    topic: String,
}

impl DeadLetterQueue {
    /// The queue on `topic`.
    pub fn new(log: Arc<dyn EventLog>, topic: &str) -> Self {
        Self { log, topic: topic.to_owned() }
    }

    /// Marks a letter as replayed: it will not be listed again.
    ///
    /// # Errors
    /// The log's.
    pub async fn mark_replayed(&self, letter: &DeadLetter) -> Result<(), LogError> {
        let payload = LetterRecord::mark(&letter.id()).into();
        let key = letter.position.to_string().into_bytes().into();
        self.log.append(&self.topic, vec![NewRecord { key, event_id: None, payload }]).await.map(drop)
    }

    /// Begins to read the letters kept until now, oldest first within a partition.
    ///
    /// # Errors
    /// The log's.
    pub async fn list(&self) -> Result<Listing, LogError> {
        Listing::begin(self.log.as_ref(), &self.topic).await
    }
}

#[async_trait]
impl DeadLetters for DeadLetterQueue {
    async fn append(&self, letters: &[DeadLetter]) -> Result<(), LogError> {
        match self.log.append(&self.topic, letters.iter().map(record).collect()).await {
            Err(LogError::TooLarge { limit, .. }) => {
                let records = letters.iter().map(|letter| record_within(letter, limit)).collect();
                self.log.append(&self.topic, records).await.map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    async fn of_sink(&self, sink: &str, topic: &str, from: &Positions) -> Result<Vec<DeadLetter>, LogError> {
        let stage = Stage::Sink(sink.to_owned());
        let is_wanted = |letter: &DeadLetter| {
            let LogPosition { topic: of, partition, offset } = &letter.position;
            letter.stage == stage && **of == *topic && from.get(*partition).is_some_and(|next| *offset >= next)
        };
        let mut pass = Pass::begin(self.log.as_ref(), &self.topic).await?;
        let mut letters = vec![];
        while let Some(records) = pass.next().await? {
            let found = records.iter().filter_map(|record| match LetterRecord::parse(&record.payload) {
                Ok(LetterRecord::Letter(letter)) => Some(letter),
                Ok(LetterRecord::Replayed(_)) | Err(_) => None,
            });
            letters.extend(found.filter(is_wanted));
        }
        Ok(letters)
    }
}
