//! Up to when the events of a commit were received. Pure.

use std::collections::BTreeMap;

use event::{Enriched, Timestamp};

/// The newest receipt among the events staged, by partition of the log.
#[derive(Debug, Default)]
pub(super) struct Received(BTreeMap<i32, Timestamp>);

impl Received {
    pub(super) fn add(&mut self, events: &[Enriched]) {
        for event in events {
            let newest = self.0.entry(event.position.partition).or_default();
            *newest = event.event.received_at.max(*newest);
        }
    }

    /// The time up to which everything that these partitions took is staged: that of the one furthest behind.
    pub(super) fn through(&self) -> Option<Timestamp> {
        self.0.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_furthest_behind_tells_how_far_it_is() {
        let of = |pairs: &[(i32, i64)]| {
            let time = |micros: i64| Timestamp::from_micros(micros).unwrap();
            Received(pairs.iter().map(|(partition, micros)| (*partition, time(*micros))).collect()).through()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(0, 9), (1, 5)]), Timestamp::from_micros(5).ok());
    }
}
