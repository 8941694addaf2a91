//! The positions that groups have committed, and their form in a control frame.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use event::{Advance, Positions};

/// A position and when it was committed, in µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Committed {
    next: i64,
    micros: i64,
}

/// Group, and topic that it reads.
type Key = (Arc<str>, Arc<str>);

/// Positions of any number of groups and topics: all of them in a snapshot, those of one commit in its control frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PositionTable(BTreeMap<Key, BTreeMap<i32, Committed>>);

impl PositionTable {
    /// What a commit changes.
    pub(super) fn of_commit(group: &Arc<str>, advance: &Advance, micros: i64) -> Self {
        let steps = advance.steps.iter().map(|step| (step.partition, Committed { next: step.next, micros }));
        Self(BTreeMap::from([((group.clone(), advance.topic.clone()), steps.collect())]))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }

    pub(super) fn positions(&self, group: &str, topic: &str) -> Positions {
        let of_key = self.0.get(&(group.into(), topic.into()));
        of_key.into_iter().flatten().map(|(partition, committed)| (*partition, committed.next)).collect()
    }

    /// Group, topic and positions of each pair that has any.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, Positions)> {
        self.0.keys().map(|(group, topic)| (&**group, &**topic, self.positions(group, topic)))
    }

    /// Takes over what `later` says, except where this table has been told later still.
    pub(super) fn merge(&mut self, later: Self) {
        for (key, partitions) in later.0 {
            let known = self.0.entry(key).or_default();
            for (partition, committed) in partitions {
                if known.get(&partition).is_none_or(|old| old.micros <= committed.micros) {
                    known.insert(partition, committed);
                }
            }
        }
    }

    /// Sets every position that `undone` names back to what `stored` has.
    fn restore(&mut self, undone: &Self, stored: &Self) {
        for (key, partitions) in &undone.0 {
            let known = self.0.entry(key.clone()).or_default();
            for partition in partitions.keys() {
                match stored.0.get(key).and_then(|stored| stored.get(partition)) {
                    Some(committed) => known.insert(*partition, *committed),
                    None => known.remove(partition),
                };
            }
        }
    }

    /// For each pair: length u32 and bytes of group, the same of topic, number of partitions u32, and for each partition
    /// i32 · next offset i64 · time i64.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for ((group, topic), partitions) in &self.0 {
            put_text(group, &mut out);
            put_text(topic, &mut out);
            out.extend_from_slice(&(partitions.len() as u32).to_le_bytes());
            for (partition, committed) in partitions {
                out.extend_from_slice(&partition.to_le_bytes());
                out.extend_from_slice(&committed.next.to_le_bytes());
                out.extend_from_slice(&committed.micros.to_le_bytes());
            }
        }
        out
    }

    /// Reads what [`PositionTable::encode`] wrote; `None` for anything else.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut table = Self::default();
        while !bytes.is_empty() {
            let key = (take_text(&mut bytes)?, take_text(&mut bytes)?);
            let partitions = table.0.entry(key).or_default();
            for _ in 0..u32::from_le_bytes(take(&mut bytes)?) {
                let partition = i32::from_le_bytes(take(&mut bytes)?);
                let next = i64::from_le_bytes(take(&mut bytes)?);
                let micros = i64::from_le_bytes(take(&mut bytes)?);
                partitions.insert(partition, Committed { next, micros });
            }
        }
        Some(table)
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

fn take_text(bytes: &mut &[u8]) -> Option<Arc<str>> {
    let length = u32::from_le_bytes(take(bytes)?);
    let (text, rest) = bytes.split_at_checked(length as usize)?;
    *bytes = rest;
    std::str::from_utf8(text).ok().map(Arc::from)
}

/// The positions of all topics' logs: those that are durable, and with them those that are being written.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    staged: PositionTable,
    durable: PositionTable,
}

impl Ledger {
    /// Takes what one topic's log holds.
    pub(super) fn load(&self, stored: PositionTable) {
        let mut tables = self.tables();
        tables.staged.merge(stored.clone());
        tables.durable.merge(stored);
    }

    pub(super) fn durable(&self, group: &str, topic: &str) -> Positions {
        self.tables().durable.positions(group, topic)
    }

    /// Takes a commit for writing; `None` when it does not follow what is stored or being written.
    pub(super) fn stage(&self, group: &Arc<str>, advance: &Advance, micros: i64) -> Option<PositionTable> {
        let mut tables = self.tables();
        let follows = advance.follows(&tables.staged.positions(group, &advance.topic));
        follows.then(|| {
            let change = PositionTable::of_commit(group, advance, micros);
            tables.staged.merge(change.clone());
            change
        })
    }

    pub(super) fn confirm(&self, change: &PositionTable) {
        self.tables().durable.merge(change.clone());
    }

    /// Takes back a staged change that was not written.
    pub(super) fn revert(&self, change: &PositionTable) {
        let Tables { staged, durable } = &mut *self.tables();
        staged.restore(change, durable);
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().expect("nothing panics while it holds the positions")
    }
}

#[cfg(test)]
mod tests {
    use event::Step;

    use super::*;

    fn advance(expected: Option<i64>, next: i64) -> Advance {
        Advance { topic: "raw".into(), steps: vec![Step { partition: 0, expected, next, last: None }] }
    }

    #[test]
    fn a_table_is_read_back_as_written_and_half_of_one_is_refused() {
        let mut table = PositionTable::of_commit(&"sink".into(), &advance(None, 5), 7);
        table.merge(PositionTable::of_commit(&"other".into(), &advance(Some(1), 2), 8));
        let bytes = table.encode();
        assert_eq!(PositionTable::decode(&bytes), Some(table));
        assert_eq!(PositionTable::decode(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn the_commit_made_last_wins_whichever_log_is_read_first() {
        let early = PositionTable::of_commit(&"sink".into(), &advance(None, 5), 7);
        let late = PositionTable::of_commit(&"sink".into(), &advance(Some(5), 3), 8);
        for (first, second) in [(&early, &late), (&late, &early)] {
            let mut table = first.clone();
            table.merge(second.clone());
            assert_eq!(table.positions("sink", "raw").get(0), Some(3));
        }
    }

    #[test]
    fn a_commit_that_was_not_written_leaves_the_positions_as_they_were() {
        let (ledger, group) = (Ledger::default(), Arc::from("sink"));
        let first = ledger.stage(&group, &advance(None, 5), 1).unwrap();
        assert!(ledger.stage(&group, &advance(None, 6), 2).is_none(), "the first is being written");
        assert!(ledger.durable("sink", "raw").is_empty());
        ledger.confirm(&first);
        let second = ledger.stage(&group, &advance(Some(5), 9), 3).unwrap();
        ledger.revert(&second);
        assert_eq!(ledger.durable("sink", "raw").get(0), Some(5));
        assert!(ledger.stage(&group, &advance(Some(5), 8), 4).is_some());
    }
}
