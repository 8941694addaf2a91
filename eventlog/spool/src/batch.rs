//! Stored records that are replayed together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::frame;
use eventlog::{NewRecord, Record};

pub(super) struct Batch {
    /// What is left to be sent, in order.
    pub(super) parts: VecDeque<Part>,
    /// Offset after the last record.
    pub(super) next: i64,
    pub(super) records: u64,
    /// Bytes of the frames.
    pub(super) bytes: u64,
    /// Frames that are to wait in a lane, by partition.
    pub(super) parked: BTreeMap<i32, Vec<Bytes>>,
    /// How many do so.
    pub(super) parked_records: u64,
}

/// Some of a batch's records.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Records to be appended together.
    Sendable { topic: String, records: Vec<NewRecord> },
    /// A frame that another version stored.
    Unreadable(Bytes),
}

impl Part {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Sendable { records, .. } if records.is_empty())
    }
}

impl Batch {
    /// A batch of frames as read, at least one. Those at the offsets `delivered` are in the remote.
    pub(super) fn new(frames: Vec<Record>, delivered: &BTreeSet<i64>) -> Self {
        let mut batch = Self {
            parts: VecDeque::new(),
            next: frames.last().map_or(0, |last| last.offset + 1),
            records: frames.len() as u64,
            bytes: frames.iter().map(|frame| frame.payload.len() as u64).sum(),
            parked: BTreeMap::new(),
            parked_records: 0,
        };
        let left = frames.into_iter().filter(|frame| !delivered.contains(&frame.offset));
        left.for_each(|frame| batch.add(frame.payload));
        batch
    }

    fn add(&mut self, frame: Bytes) {
        match (frame::decode(&frame), self.parts.back_mut()) {
            (None, _) => self.parts.push_back(Part::Unreadable(frame)),
            (Some((topic, record)), Some(Part::Sendable { topic: same, records })) if topic == *same => {
                records.push(record);
            }
            (Some((topic, record)), _) => self.parts.push_back(Part::Sendable { topic, records: vec![record] }),
        }
    }

    /// Puts records back as two parts.
    pub(super) fn halve(&mut self, topic: String, mut first: Vec<NewRecord>) {
        let second = first.split_off(first.len() / 2);
        self.parts.push_front(Part::Sendable { topic: topic.clone(), records: second });
        self.parts.push_front(Part::Sendable { topic, records: first });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &str) -> NewRecord {
        NewRecord { key: "key".into(), event_id: None, payload: payload.to_owned().into() }
    }

    fn stored(offset: i64, payload: Bytes) -> Record {
        Record { partition: 0, offset, time: Default::default(), payload }
    }

    fn part(topic: &str, payloads: &[&str]) -> Part {
        let records = payloads.iter().map(|payload| record(payload)).collect();
        Part::Sendable { topic: topic.to_owned(), records }
    }

    #[test]
    fn neighbours_of_one_topic_are_sent_together_and_the_order_is_kept() {
        let frames = [("a", "1"), ("a", "2"), ("b", "3"), ("?", "4"), ("a", "5"), ("a", "6")];
        let frames = frames.iter().zip(7..).map(|((topic, payload), offset)| {
            let frame = if *topic == "?" { "?".into() } else { frame::encode(topic, &record(payload)) };
            stored(offset, frame)
        });
        let frames: Vec<_> = frames.collect();
        let bytes = frames.iter().map(|frame| frame.payload.len() as u64).sum();
        let mut batch = Batch::new(frames, &BTreeSet::from([8]));
        assert_eq!((batch.next, batch.records, batch.bytes), (13, 6, bytes));
        let expected = [part("a", &["1"]), part("b", &["3"]), Part::Unreadable("?".into()), part("a", &["5", "6"])];
        assert_eq!(batch.parts, expected);
        let Some(Part::Sendable { topic, records }) = batch.parts.pop_back() else { panic!("the last one") };
        batch.halve(topic, records);
        assert_eq!(batch.parts.make_contiguous()[..2], [part("a", &["5"]), part("a", &["6"])]);
        assert_eq!(batch.parts.len(), 5);
    }
}
