//! Reads the dead-letter topic from its beginning to where it ended when the reading began.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use event::{DeadLetter, Positions};
use eventlog::{EventLog, LogError, Reader, Record};

const READ_BYTES: usize = 4 * 1024 * 1024;
/// Kafka counts the marks of transactions as offsets but never shows them: after this long without a record nothing but
/// marks can be left.
const SILENCE: Duration = Duration::from_secs(5);

/// The letters, each shown once however often it was appended.
pub struct Listing {
    reader: Box<dyn Reader>,
    /// The end of each partition that has more to read.
    ends: BTreeMap<i32, i64>,
    shown: HashSet<(String, String)>,
    unreadable: usize,
}

impl Listing {
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
        Ok(Self { reader, ends, shown: HashSet::new(), unreadable: 0 })
    }

    /// The next letters; `None` at the end.
    ///
    /// # Errors
    /// The log's.
    pub async fn next(&mut self) -> Result<Option<Vec<DeadLetter>>, LogError> {
        while !self.ends.is_empty() {
            let Ok(records) = tokio::time::timeout(SILENCE, self.reader.next(READ_BYTES)).await else {
                return Ok(None);
            };
            let letters: Vec<_> = records?.iter().filter_map(|record| self.show(record)).collect();
            if !letters.is_empty() {
                return Ok(Some(letters));
            }
        }
        Ok(None)
    }

    /// How many records so far were no dead letters at all.
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    fn show(&mut self, record: &Record) -> Option<DeadLetter> {
        let end = *self.ends.get(&record.partition)?;
        if record.offset + 1 >= end {
            self.ends.remove(&record.partition);
        }
        if record.offset >= end {
            return None;
        }
        let Ok(letter) = DeadLetter::parse(&record.payload) else {
            self.unreadable += 1;
            return None;
        };
        self.shown.insert((letter.stage.to_string(), letter.position.to_string())).then_some(letter)
    }
}
