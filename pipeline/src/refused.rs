//! The rows that a sink refused: which they are, and their records as dead letters.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use event::{DeadLetter, Draft, Enriched, EventId, LogPosition, Positions, Stage};
use eventlog::{EventLog, LogError, Reader, Record};
use tokio::time::timeout;

use crate::replay::original;
use crate::{Batch, DeadLetters};

/// The longest time to read one record.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Rows that are safe as dead letters: they reach the sink by a replay only.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    /// The event of each row, by partition and offset.
    ids: BTreeMap<(i32, i64), EventId>,
    is_loaded: bool,
}

impl Refused {
    /// Learns, once, which rows at `from` or after it have dead letters already: a process that stopped before it had
    /// moved its position past such a row has left one.
    pub async fn load(
        &mut self,
        letters: &dyn DeadLetters,
        sink: &str,
        topic: &str,
        from: &Positions,
    ) -> Result<(), LogError> {
        if !self.is_loaded {
            let found = letters.of_sink(sink, topic, from).await?;
            // A letter whose payload was cut to size is no event, and so its replay reaches no sink.
            self.ids.extend(found.iter().filter_map(|letter| Some((place(&letter.position), event_id(letter)?))));
            self.is_loaded = true;
        }
        Ok(())
    }

    /// No row that comes can have a letter already.
    pub fn skip_loading(&mut self) {
        self.is_loaded = true;
    }

    pub fn insert(&mut self, row: &Enriched) {
        self.ids.insert(place(&row.position), row.event.id);
    }

    /// Forgets the rows before these positions.
    pub fn forget_before(&mut self, reached: &Positions) {
        self.ids.retain(|(partition, offset), _| reached.get(*partition).is_some_and(|next| *offset >= next));
    }

    /// Whether it is this very event: a log that was made anew may hold another one at the same place.
    fn contains(&self, row: &Enriched) -> bool {
        self.ids.get(&place(&row.position)) == Some(&row.event.id)
    }

    /// The batch without the refused rows, and how many those were.
    pub fn without(&self, batch: Arc<Batch>) -> (Arc<Batch>, usize) {
        let count = if self.ids.is_empty() { 0 } else { batch.events.iter().filter(|row| self.contains(row)).count() };
        if count == 0 {
            return (batch, 0);
        }
        let mut batch = Arc::unwrap_or_clone(batch);
        batch.events.retain(|row| !self.contains(row));
        (Arc::new(batch), count)
    }
}

fn place(position: &LogPosition) -> (i32, i64) {
    (position.partition, position.offset)
}

fn event_id(letter: &DeadLetter) -> Option<EventId> {
    let event = Draft::parse(&letter.payload).and_then(|draft| draft.recorded(letter.time, &letter.position));
    event.ok().map(|event| event.id)
}

/// Reads the records of refused rows from the log again: batches do not carry the bytes.
pub(crate) struct Records {
    log: Arc<dyn EventLog>,
    reader: Option<Box<dyn Reader>>,
}

impl Records {
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log, reader: None }
    }

    /// The dead letter of the record at `position`.
    pub async fn letter(&mut self, position: &LogPosition, sink: &str, reason: &str) -> Result<DeadLetter, LogError> {
        let read = timeout(READ_TIMEOUT, self.record(position)).await;
        let late = || format!("reading {position} took longer than {} s", READ_TIMEOUT.as_secs());
        let record = read.unwrap_or_else(|_| Err(LogError::Unavailable { reason: late() }))?;
        Ok(DeadLetter {
            payload: original(&record.payload),
            stage: Stage::Sink(sink.to_owned()),
            reason: reason.to_owned(),
            position: position.clone(),
            time: record.time,
        })
    }

    async fn record(&mut self, position: &LogPosition) -> Result<Record, LogError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(self.log.reader(&position.topic).await?),
        };
        reader.assign(&Positions::from_iter([place(position)])).await?;
        let records = reader.next(1).await?;
        let is_it = |record: &Record| (record.partition, record.offset) == place(position);
        let missing = || LogError::Unavailable { reason: format!("there is no record at {position}") };
        records.into_iter().find(is_it).ok_or_else(missing)
    }
}
