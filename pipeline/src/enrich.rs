//! Records of one stretch of the log → a batch: decoded, without duplicates, each with its visitor's place and software,
//! and without what is not to be stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use event::{Enriched, Event, LogPosition, Positions};
use eventlog::Record;
use geodata::{LiveDatabase, Locator};

use crate::Batch;
use crate::config::Config;
use crate::decode::{Decoded, decode};
use crate::duplicates::DuplicateWindow;
use crate::privacy::Privacy;

/// Turns records into batches: all the work on the processor that the pipeline does before its sinks, and nothing else. The
/// records of a partition must come in order and without gaps.
pub struct Enricher {
    topic: Arc<str>,
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
            locator: Locator::new(geo),
            visits: visit::Reader::new(),
            privacy: Privacy::of(config),
            windows: BTreeMap::new(),
            window_records: config.duplicate_window_records,
            late_after_micros: i64::try_from(config.late_after_ms).unwrap_or(i64::MAX).saturating_mul(1_000),
        }
    }

    /// The batch of these records. Those before `from` only fill the duplicate window.
    pub fn batch(&mut self, records: &[Record], from: &Positions) -> Batch {
        self.locator.refresh();
        let mut batch = Batch { events: Vec::with_capacity(records.len()), ..Batch::default() };
        for record in records {
            let position =
                LogPosition { topic: self.topic.clone(), partition: record.partition, offset: record.offset };
            let decoded = decode(record, &position);
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
        batch
    }

    fn window(&mut self, partition: i32) -> &mut DuplicateWindow {
        self.windows.entry(partition).or_insert_with(|| DuplicateWindow::new(self.window_records))
    }

    /// The address is looked up, and all else read, before anything is taken away.
    fn enrich(&mut self, mut event: Event, position: LogPosition) -> Enriched {
        let located = self.locator.locate(event.ip.as_deref());
        let late = event.received_at.micros() - event.event_time.micros() > self.late_after_micros;
        let visit = self.visits.read(&event);
        self.privacy.apply(&mut event);
        Enriched { event, place: located.place, geo_database: located.database, visit, late, position }
    }
}
