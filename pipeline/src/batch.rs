//! What the pipeline hands to sinks: enriched events in log order, with the stretch of the log that they come from.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use event::{DeadLetter, Enriched, LogPosition, Positions, RecordMark};

/// The offsets that a batch covers, per partition.
pub type Coverage = BTreeMap<i32, Range<i64>>;

/// Events of one topic in log order, with the offsets that they cover.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The events to deliver, in log order within a partition.
    pub events: Vec<Enriched>,
    /// Events that only the named sink lacks. A lane moves its own into `events` before its sink sees the batch.
    pub replays: Vec<(String, Enriched)>,
    /// The records that could not be decoded; all of them when the topic does not hold events.
    pub undecodable: Vec<DeadLetter>,
    /// Records left out because an event of the same id came shortly before.
    pub duplicates: Vec<LogPosition>,
    /// The offsets covered. More than the events: undecodable and duplicate records count too.
    pub covers: Coverage,
    /// The last record that is covered of each partition, where it is known.
    pub last: BTreeMap<i32, RecordMark>,
    /// Size of the records, in bytes.
    pub bytes: usize,
}

impl Batch {
    /// The memory that the batch takes, in bytes: about as much for an event's texts as its record had, and the event itself.
    pub fn memory_bytes(&self) -> usize {
        self.bytes + self.events.capacity() * size_of::<Enriched>()
    }

    /// Whether everything that the batch covers lies before `at`.
    pub(crate) fn is_before(&self, at: &Positions) -> bool {
        self.covers.iter().all(|(partition, range)| at.get(*partition).is_some_and(|next| range.end <= next))
    }

    /// Batches of which each begins where the one before it ends, as one.
    pub(crate) fn joined(batches: Vec<Arc<Self>>) -> Self {
        let mut whole = Self::default();
        for batch in batches {
            let batch = Arc::unwrap_or_clone(batch);
            whole.events.extend(batch.events);
            whole.replays.extend(batch.replays);
            whole.undecodable.extend(batch.undecodable);
            whole.duplicates.extend(batch.duplicates);
            for (partition, range) in batch.covers {
                whole.covers.entry(partition).or_insert(range.clone()).end = range.end;
            }
            whole.bytes += batch.bytes;
        }
        whole
    }

    /// Moves positions past the batch.
    pub(crate) fn pass(&self, at: &mut Positions) {
        for (partition, range) in &self.covers {
            at.set(*partition, range.end);
        }
        for (partition, last) in &self.last {
            at.mark(*partition, *last);
        }
    }

    /// The part of the batch that a reader at `at` has not seen, as the named sink is to see it.
    pub(crate) fn for_sink(self: Arc<Self>, at: &Positions, sink: &str) -> Arc<Self> {
        let aligned = self.covers.iter().all(|(partition, range)| at.get(*partition) == Some(range.start));
        let unseen = if aligned { self } else { Arc::new(self.after(at)) };
        if unseen.replays.is_empty() {
            return unseen;
        }
        let mut batch = Arc::unwrap_or_clone(unseen);
        let own = std::mem::take(&mut batch.replays).into_iter().filter(|(name, _)| name == sink);
        batch.events.extend(own.map(|(_, event)| event));
        Arc::new(batch)
    }

    fn after(&self, at: &Positions) -> Self {
        let unseen = |(partition, range): (&i32, &Range<i64>)| {
            let start = at.get(*partition).unwrap_or(range.start).max(range.start);
            (*partition, start..range.end)
        };
        self.within(self.covers.iter().map(unseen).collect())
    }

    /// Cuts the batch after its first `records` events; both parts together cover what the whole did.
    pub(crate) fn split(&self, records: usize) -> (Self, Self) {
        let mut head = self.covers.clone();
        let place = |event: &Enriched| (event.position.offset, event.position.partition);
        let mut in_order: Vec<_> = self.events.iter().map(place).collect();
        in_order.sort_unstable();
        for (offset, partition) in in_order.into_iter().skip(records) {
            if let Some(range) = head.get_mut(&partition) {
                range.end = range.end.min(offset);
            }
        }
        let tail = self.covers.iter().map(|(partition, range)| (*partition, head[partition].end..range.end));
        (self.within(head.clone()), self.within(tail.collect()))
    }

    fn within(&self, covers: Coverage) -> Self {
        let covers: Coverage = covers.into_iter().filter(|(_, range)| !range.is_empty()).collect();
        let covered = |position: &LogPosition| {
            covers.get(&position.partition).is_some_and(|range| range.contains(&position.offset))
        };
        Self {
            events: self.events.iter().filter(|event| covered(&event.position)).cloned().collect(),
            replays: self.replays.iter().filter(|(_, event)| covered(&event.position)).cloned().collect(),
            undecodable: self.undecodable.iter().filter(|letter| covered(&letter.position)).cloned().collect(),
            duplicates: self.duplicates.iter().filter(|position| covered(position)).cloned().collect(),
            last: self.last.clone(),
            bytes: self.bytes * records(&covers) / records(&self.covers).max(1),
            covers: covers.clone(),
        }
    }
}

fn records(covers: &Coverage) -> usize {
    covers.values().map(|range| usize::try_from(range.end - range.start).unwrap_or_default()).sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use event::{Draft, Timestamp, Visit};

    use super::*;

    /// A batch of one event for each offset in `covers`.
    pub(crate) fn batch(covers: &[(i32, Range<i64>)]) -> Batch {
        let place = |partition, offset| LogPosition { topic: "raw".into(), partition, offset };
        let enriched = |position: LogPosition| Enriched {
            event: Draft::parse(br#"{"url":"/"}"#).unwrap().recorded(Timestamp::default(), &position).unwrap(),
            place: Arc::default(),
            geo_database: None,
            visit: Visit::default(),
            late: false,
            position,
        };
        let positions =
            covers.iter().flat_map(|(partition, range)| range.clone().map(|offset| place(*partition, offset)));
        Batch {
            events: positions.map(enriched).collect(),
            covers: covers.iter().cloned().collect(),
            bytes: 100,
            ..Batch::default()
        }
    }

    fn at(positions: &[(i32, i64)]) -> Positions {
        positions.iter().copied().collect()
    }

    fn offsets(batch: &Batch) -> Vec<(i32, i64)> {
        batch.events.iter().map(|event| (event.position.partition, event.position.offset)).collect()
    }

    #[test]
    fn a_reader_sees_only_what_it_has_not_seen() {
        let whole = Arc::new(batch(&[(0, 5..8), (1, 2..4)]));
        assert!(whole.is_before(&at(&[(0, 8), (1, 4)])) && !whole.is_before(&at(&[(0, 8), (1, 3)])));
        let seen = whole.clone().for_sink(&at(&[(0, 6), (1, 4)]), "any");
        assert_eq!(offsets(&seen), [(0, 6), (0, 7)]);
        assert_eq!(seen.covers, Coverage::from([(0, 6..8)]));
        assert!(Arc::ptr_eq(&whole.clone().for_sink(&at(&[(0, 5), (1, 2)]), "any"), &whole));
    }

    #[test]
    fn both_parts_of_a_split_cover_what_the_whole_did() {
        let mut whole = batch(&[(0, 5..8), (1, 2..4)]);
        whole.covers.insert(0, 4..9);
        for records in 0..=5 {
            let (head, tail) = whole.split(records);
            assert_eq!(head.events.len(), records);
            assert_eq!(head.events.len() + tail.events.len(), 5);
            let mut reached = at(&[(0, 4), (1, 2)]);
            head.pass(&mut reached);
            assert!(tail.covers.iter().all(|(partition, range)| reached.get(*partition) == Some(range.start)));
            tail.pass(&mut reached);
            assert_eq!(reached, at(&[(0, 9), (1, 4)]), "{records}");
        }
    }

    #[test]
    fn joined_batches_cover_what_each_of_them_does() {
        let batches = [batch(&[(0, 5..8), (1, 2..4)]), batch(&[(0, 9..10), (2, 0..1)])];
        let whole = Batch::joined(batches.into_iter().map(Arc::new).collect());
        assert_eq!(offsets(&whole), [(0, 5), (0, 6), (0, 7), (1, 2), (1, 3), (0, 9), (2, 0)]);
        assert_eq!(whole.covers, Coverage::from([(0, 5..10), (1, 2..4), (2, 0..1)]));
        assert_eq!(whole.bytes, 200);
    }

    #[test]
    fn a_replay_is_seen_by_its_sink_only() {
        let mut whole = batch(&[(0, 0..2)]);
        let replayed = whole.events.pop().unwrap();
        whole.replays.push(("postgres".to_owned(), replayed));
        let whole = Arc::new(whole);
        assert_eq!(offsets(&whole.clone().for_sink(&at(&[(0, 0)]), "postgres")), [(0, 0), (0, 1)]);
        assert_eq!(offsets(&whole.clone().for_sink(&at(&[(0, 0)]), "iceberg")), [(0, 0)]);
        assert_eq!(offsets(&whole.for_sink(&at(&[(0, 2)]), "postgres")), []);
    }
}
