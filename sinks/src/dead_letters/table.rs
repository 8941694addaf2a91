//! The sink of the dead-letter topic whose rows are the letters: an Iceberg table of their own.
//!
//! Its lane reads the topic that the letters are kept on. That holds no events, so each record comes as it is, with its
//! place there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use event::{Advance, DeadLetter, LetterRecord, Positions};
use pipeline::{Batch, Pace, Sink, SinkError};
use warehouse::KeptLetter;

use crate::iceberg::Config;
use crate::iceberg::lake::{Kind, Lake, sink_error};

const MAX_STAGED_BYTES: usize = 64 << 20;

/// Writes each letter of the topic to the table, exactly once. A letter that another process appended a second time, in
/// a crash, is there twice with one `letter_id`. One that was replayed stays.
pub struct LetterTableSink {
    pace: Pace,
    lake: Lake,
}

impl LetterTableSink {
    /// A sink for the table that `config` names. It is opened, or made, when the sink is first resumed.
    pub fn new(data_folder: &Path, config: &Config) -> Self {
        let max_age = Duration::from_millis(config.commit_interval_ms);
        Self {
            pace: Pace { max_events: config.commit_events, max_bytes: MAX_STAGED_BYTES, max_age },
            lake: Lake::new(Kind::DeadLetters, data_folder, config.dead_letters_warehouse()),
        }
    }
}

#[async_trait]
impl Sink for LetterTableSink {
    fn name(&self) -> &str {
        "dead_letters_iceberg"
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn refuses(&self) -> bool {
        false
    }

    fn rows(&self, batch: &Batch) -> usize {
        batch.undecodable.iter().filter_map(kept).count()
    }

    async fn resume(&mut self, topic: &str) -> Result<Positions, SinkError> {
        self.lake.resume(topic).await
    }

    async fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let letters: Vec<KeptLetter> = batch.undecodable.iter().filter_map(kept).collect();
        if letters.is_empty() {
            return Ok(());
        }
        let staged = self.lake.writer()?.write_dead_letters(letters).await;
        staged.map_err(|error| never_refused(sink_error("stage dead letters for Iceberg", error)))
    }

    async fn commit(&mut self, advance: &Advance) -> Result<(), SinkError> {
        self.lake.commit(advance, None).await.map_err(never_refused)
    }
}

/// The letter in a record of the topic; `None` for the mark of a replay, and for what is neither.
fn kept(record: &DeadLetter) -> Option<KeptLetter> {
    match LetterRecord::parse(&record.payload) {
        Ok(LetterRecord::Letter(letter)) => {
            Some(KeptLetter { letter, kept_at: record.position.clone(), dead_at: record.time })
        }
        Ok(LetterRecord::Replayed(_)) | Err(_) => None,
    }
}

/// A letter that was refused would become another letter, and that another.
fn never_refused(error: SinkError) -> SinkError {
    match error {
        SinkError::Refused { reason } => SinkError::retry("write dead letters to Iceberg", reason),
        error => error,
    }
}
