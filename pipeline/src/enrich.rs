//! Records of one stretch of the log → a batch: decoded, without duplicates, each with its visitor's place and software,
//! and without what is not to be stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use event::{Enriched, Event, LogPosition, Positions, RecordMark};
use eventlog::Record;
use geodata::{LiveDatabase, Locator};

use crate::batch::{Batch, Coverage};
use crate::config::Config;
use crate::decode::{Decoded, decode, undecoded};
use crate::duplicates::DuplicateWindow;
use crate::privacy::Privacy;

/// What the records of a topic are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contents {
    /// Events, which are decoded and enriched.
    #[default]
    Events,
    /// Anything else: sinks get every record as it is, in [`Batch::undecodable`].
    Opaque,
}

/// Turns records into batches: all the work on the processor that the pipeline does before its sinks, and nothing else. The
/// records of a partition must come in order and without gaps.
pub struct Enricher {
    topic: Arc<str>,
    contents: Contents,
    locator: Locator,
    visits: visit::Reader,
    privacy: Privacy,
    windows: BTreeMap<i32, DuplicateWindow>,
    window_records: usize,
    late_after_micros: i64,
}

impl Enricher {
    /// An enricher of a topic's records that has seen none yet.
    pub fn new(topic: Arc<str>, geo: Arc<LiveDatabase>, config: &Config) -> Self {
        Self {
            topic,
            contents: Contents::Events,
            locator: Locator::new(geo),
            visits: visit::Reader::new(),
            privacy: Privacy::of(config),
            windows: BTreeMap::new(),
            window_records: config.duplicate_window_records,
            late_after_micros: i64::try_from(config.late_after_ms).unwrap_or(i64::MAX).saturating_mul(1_000),
        }
    }

    /// The same for a topic that holds something else.
    pub(crate) fn of(self, contents: Contents) -> Self {
        Self { contents, ..self }
    }

    /// The batch of these records. Those before `from` only fill the duplicate window.
    pub fn batch(&mut self, records: &[Record], from: &Positions) -> Batch {
        self.locator.refresh();
        let mut batch = Batch { events: Vec::with_capacity(records.len()), ..Batch::default() };
        for record in records {
            let position =
                LogPosition { topic: self.topic.clone(), partition: record.partition, offset: record.offset };
            let decoded = match self.contents {
                Contents::Events => decode(record, &position),
                Contents::Opaque => Decoded::Dead(undecoded(record, &position, String::new())),
            };
            let new = decoded.id().is_none_or(|id| self.window(record.partition).is_new(record.offset, id));
            if from.get(record.partition).is_some_and(|first| record.offset < first) {
                continue;
            }
            let end = record.offset + 1;
            batch.covers.entry(record.partition).or_insert(record.offset..end).end = end;
            batch.bytes += record.payload.len();
            match decoded {
                _ if !new => batch.duplicates.push(position),
                Decoded::Event(event) => batch.events.push(self.enrich(event, position)),
                Decoded::Replay { sink, event, .. } => batch.replays.push((sink, self.enrich(event, position))),
                Decoded::Dead(letter) => batch.undecodable.push(letter),
            }
        }
        self.locator.count();
        batch.last = last_records(records, &batch.covers);
        batch
    }

    fn window(&mut self, partition: i32) -> &mut DuplicateWindow {
        self.windows.entry(partition).or_insert_with(|| DuplicateWindow::new(self.window_records))
    }

    /// The address is looked up, and all else read, before anything is taken away.
    fn enrich(&mut self, mut event: Event, position: LogPosition) -> Enriched {
        let located = self.locator.locate(event.ip());
        let late = event.received_at.micros() - event.event_time.micros() > self.late_after_micros;
        let visit = self.visits.read(&event);
        self.privacy.apply(&mut event);
        Enriched { event, place: located.place, geo_database: located.database, visit, late, position }
    }
}

/// The last record that is covered of each partition.
fn last_records(records: &[Record], covers: &Coverage) -> BTreeMap<i32, RecordMark> {
    let mut last = BTreeMap::new();
    for record in records.iter().rev() {
        if last.len() == covers.len() {
            break;
        }
        if covers.contains_key(&record.partition) {
            last.entry(record.partition).or_insert_with(|| RecordMark::of(record.offset, &record.payload));
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use event::Timestamp;

    use super::*;

    #[test]
    fn of_a_topic_that_holds_no_events_every_record_comes_as_it_is() {
        let payloads = [&br#"{"url":"/a"}"#[..], br#"{"stage":"decode"}"#, b"\xff"];
        let records = payloads.into_iter().zip(0..).map(|(payload, offset)| Record {
            partition: 0,
            offset,
            time: Timestamp::default(),
            payload: payload.into(),
        });
        let enricher = Enricher::new("letters".into(), Arc::default(), &Config::default());
        let batch = enricher.of(Contents::Opaque).batch(&records.collect::<Vec<_>>(), &Positions::default());
        assert!(batch.events.is_empty());
        assert_eq!(batch.undecodable.iter().map(|record| record.payload.as_slice()).collect::<Vec<_>>(), payloads);
    }
}
