//! Reads the dead-letter topic from its beginning to where it ended when the reading began.

use std::collections::BTreeMap;
use std::time::Duration;

use event::{DeadLetter, Positions};
use eventlog::{EventLog, LogError, Reader, Record};

use super::Outstanding;

const READ_BYTES: usize = 4 * 1024 * 1024;
/// Kafka counts the marks of transactions as offsets but never shows them: after this long without a record nothing but
/// marks can be left.
const SILENCE: Duration = Duration::from_secs(5);

/// The letters to be settled, each once however often it was appended.
pub struct Listing {
    pass: Pass,
    outstanding: Outstanding,
}

impl Listing {
    pub(super) async fn begin(log: &dyn EventLog, topic: &str) -> Result<Self, LogError> {
        let mut outstanding = Outstanding::default();
        let mut marks = Pass::begin(log, topic).await?;
        while let Some(records) = marks.next().await? {
            records.iter().for_each(|record| outstanding.note(&record.payload));
        }
        Ok(Self { pass: Pass::begin(log, topic).await?, outstanding })
    }

    /// The next letters; `None` at the end.
    ///
    /// # Errors
    /// The log's.
    pub async fn next(&mut self) -> Result<Option<Vec<DeadLetter>>, LogError> {
        while let Some(records) = self.pass.next().await? {
            let letter = |record: &Record| self.outstanding.letter(&record.payload);
            let letters: Vec<_> = records.iter().filter_map(letter).collect();
            if !letters.is_empty() {
                return Ok(Some(letters));
            }
        }
        Ok(None)
    }

    /// How many records were neither letters nor marks of replays.
    pub fn unreadable(&self) -> usize {
        self.outstanding.unreadable()
    }
}

/// One reading of the topic.
pub(super) struct Pass {
    reader: Box<dyn Reader>,
    /// The end of each partition that has more to read.
    ends: BTreeMap<i32, i64>,
}

impl Pass {
    pub(super) async fn begin(log: &dyn EventLog, topic: &str) -> Result<Self, LogError> {
        let (mut starts, mut ends) = (Positions::default(), BTreeMap::new());
        for partition in log.partitions(topic).await? {
            let held = log.bounds(topic, partition).await?;
            if !held.is_empty() {
                starts.set(partition, held.start);
                ends.insert(partition, held.end);
            }
        }
        let mut reader = log.reader(topic).await?;
        reader.assign(&starts).await?;
        Ok(Self { reader, ends })
    }

    /// The next records; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Record>>, LogError> {
        if self.ends.is_empty() {
            return Ok(None);
        }
        let Ok(records) = tokio::time::timeout(SILENCE, self.reader.next(READ_BYTES)).await else {
            return Ok(None);
        };
        Ok(Some(records?.into_iter().filter(|record| self.is_wanted(record)).collect()))
    }

    fn is_wanted(&mut self, record: &Record) -> bool {
        let Some(end) = self.ends.get(&record.partition).copied() else { return false };
        if record.offset + 1 >= end {
            self.ends.remove(&record.partition);
        }
        record.offset < end
    }
}
