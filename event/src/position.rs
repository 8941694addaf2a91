//! Where in the log something stands: one record's place, the next offsets of a reader, and the move of a commit.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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

/// The next offset to be read, for each partition of one topic that has one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Positions(BTreeMap<i32, i64>);

impl Positions {
    /// The next offset of a partition.
    pub fn get(&self, partition: i32) -> Option<i64> {
        self.0.get(&partition).copied()
    }

    /// Sets the next offset of a partition.
    pub fn set(&mut self, partition: i32, next: i64) {
        self.0.insert(partition, next);
    }

    /// Partition and next offset, by partition.
    pub fn iter(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.0.iter().map(|(partition, next)| (*partition, *next))
    }

    /// Whether no partition has a position.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies a commit that succeeded.
    pub fn apply(&mut self, advance: &Advance) {
        for step in &advance.steps {
            self.set(step.partition, step.next);
        }
    }

    /// The move from `self`, which the sink holds, to `reached`; partitions that did not move are left out.
    pub fn advance_to(&self, topic: &Arc<str>, reached: &Positions) -> Advance {
        let steps = reached
            .iter()
            .map(|(partition, next)| Step { partition, expected: self.get(partition), next })
            .filter(|step| step.expected != Some(step.next))
            .collect();
        Advance { topic: topic.clone(), steps }
    }
}

impl FromIterator<(i32, i64)> for Positions {
    fn from_iter<I: IntoIterator<Item = (i32, i64)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
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
}
