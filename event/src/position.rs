//! Where in the log something stands: one record's place, the next offsets of a reader, and the move of a commit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::RecordMark;

/// The place of one record. Partitions and offsets have Kafka's types.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogPosition {
    /// Topic.
    pub topic: Arc<str>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// The next offset to be read, for each partition of one topic that has one; and the mark of the record before it, where that
/// is known. The marks tell nothing of where a reader stands, so they do not count when positions are compared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Positions(BTreeMap<i32, Position>);

#[derive(Clone, Copy, Debug)]
struct Position {
    next: i64,
    last: Option<RecordMark>,
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.next == other.next
    }
}

impl Eq for Position {}

impl Positions {
    /// The next offset of a partition.
    pub fn get(&self, partition: i32) -> Option<i64> {
        self.0.get(&partition).map(|position| position.next)
    }

    /// The record before the next one, if it is known.
    pub fn last(&self, partition: i32) -> Option<RecordMark> {
        self.0.get(&partition)?.last
    }

    /// Sets the next offset of a partition.
    pub fn set(&mut self, partition: i32, next: i64) {
        self.0.insert(partition, Position { next, last: None });
    }

    /// Tells what the record before the next one is. The mark of any other record is not kept.
    pub fn mark(&mut self, partition: i32, last: RecordMark) {
        if let Some(position) = self.0.get_mut(&partition).filter(|position| position.next == last.offset() + 1) {
            position.last = Some(last);
        }
    }

    /// Partition and next offset, by partition.
    pub fn iter(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.0.iter().map(|(partition, position)| (*partition, position.next))
    }

    /// Those of these partitions, and the others.
    pub fn split(&self, partitions: &[i32]) -> (Self, Self) {
        let all = self.0.iter().map(|(partition, position)| (*partition, *position));
        let (these, others) = all.partition(|(partition, _)| partitions.contains(partition));
        (Self(these), Self(others))
    }

    /// Takes over the positions of other partitions, and later ones of the same.
    pub fn extend(&mut self, later: &Self) {
        self.0.extend(later.0.iter().map(|(partition, position)| (*partition, *position)));
    }

    /// Whether no partition has a position.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies a commit that succeeded.
    pub fn apply(&mut self, advance: &Advance) {
        for step in &advance.steps {
            self.0.insert(step.partition, Position { next: step.next, last: step.last });
        }
    }

    /// The move from `self`, which the sink holds, to `reached`; partitions that did not move are left out.
    pub fn advance_to(&self, topic: &Arc<str>, reached: &Positions) -> Advance {
        let steps = reached
            .0
            .iter()
            .map(|(partition, Position { next, last })| Step {
                partition: *partition,
                expected: self.get(*partition),
                next: *next,
                last: *last,
            })
            .filter(|step| step.expected != Some(step.next))
            .collect();
        Advance { topic: topic.clone(), steps }
    }
}

impl FromIterator<(i32, i64)> for Positions {
    fn from_iter<I: IntoIterator<Item = (i32, i64)>>(pairs: I) -> Self {
        let position = |(partition, next)| (partition, Position { next, last: None });
        Self(pairs.into_iter().map(position).collect())
    }
}

/// How one commit moves a sink's positions in a topic. It holds only if every step's `expected` is what is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advance {
    /// The topic read from.
    pub topic: Arc<str>,
    /// At most one step a partition.
    pub steps: Vec<Step>,
}

impl Advance {
    /// Whether `stored` is what this commit expects.
    pub fn follows(&self, stored: &Positions) -> bool {
        self.steps.iter().all(|step| stored.get(step.partition) == step.expected)
    }
}

/// The move of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Partition.
    pub partition: i32,
    /// The stored next offset that this step starts from; `None` when nothing is stored yet.
    pub expected: Option<i64>,
    /// The next offset once committed.
    pub next: i64,
    /// The record before that, by which the log is known again.
    pub last: Option<RecordMark>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_holds_only_on_the_positions_that_it_expects() {
        let stored: Positions = [(0, 5)].into_iter().collect();
        let reached: Positions = [(0, 9), (1, 2)].into_iter().collect();
        let advance = stored.advance_to(&"raw".into(), &reached);
        assert!(advance.follows(&stored));
        let mut after = stored;
        after.apply(&advance);
        assert_eq!(after, reached);
        assert!(!advance.follows(&after));
        assert!(after.advance_to(&"raw".into(), &reached).steps.is_empty());
    }

    #[test]
    fn a_mark_goes_with_the_position_behind_its_record_and_with_no_other() {
        let (mut at, before) = (Positions::default(), RecordMark::of(8, b"before"));
        at.set(0, 9);
        at.mark(0, RecordMark::of(7, b"another"));
        assert_eq!(at.last(0), None);
        at.mark(0, before);
        let mut stored = Positions::default();
        stored.apply(&Positions::default().advance_to(&"raw".into(), &at));
        assert_eq!(stored.last(0), Some(before));
        at.set(0, 10);
        assert_eq!(at.last(0), None);
    }
}
