//! Room that appends leave for what is written on their behalf: a group that reads a topic and writes into the log needs as
//! much for all records that it has not read, or it never comes to let go of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use event::Advance;

/// Outputs may be larger than they were so far, and each segment has a header.
const MARGIN: f64 = 1.25;
const LEAST_BYTES: u64 = 64 << 10;

/// What groups have written for each topic that they read.
#[derive(Default)]
pub(super) struct Reserve(Mutex<BTreeMap<Key, Written>>);

/// A topic, and the group that reads it.
type Key = (Arc<str>, Arc<str>);

#[derive(Default)]
struct Written {
    bytes: u64,
    /// How many records it was written for.
    records: u64,
    /// The next one.
    next: i64,
}

impl Reserve {
    /// Notes that a commit writes so many bytes.
    pub(super) fn note(&self, group: &Arc<str>, advance: &Advance, bytes: u64) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = groups.entry((advance.topic.clone(), group.clone())).or_default();
        for step in &advance.steps {
            written.next = step.next;
            // Where a group begins, nobody knows for how many records it writes.
            if let Some(expected) = step.expected {
                written.records += u64::try_from(step.next - expected).unwrap_or_default();
                written.bytes += bytes;
            }
        }
    }

    /// The bytes that are still to be written for the records of a topic before `end`.
    pub(super) fn needed(&self, topic: &str, end: i64) -> u64 {
        let groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_topic = groups.iter().filter(|((read, _), written)| **read == *topic && written.bytes > 0);
        let needs = of_topic.map(|(_, written)| {
            let each = written.bytes as f64 / written.records.max(1) as f64;
            LEAST_BYTES + (MARGIN * each * (end - written.next).max(0) as f64) as u64
        });
        needs.sum()
    }
}

#[cfg(test)]
mod tests {
    use event::Step;

    use super::*;

    #[test]
    fn room_is_kept_for_the_outputs_of_what_was_not_read_and_for_no_other_topic() {
        let (reserve, group) = (Reserve::default(), Arc::from("sink"));
        let advance = |expected, next| Advance {
            topic: "raw".into(),
            steps: vec![Step { partition: 0, expected, next, last: None }],
        };
        reserve.note(&group, &advance(None, 5), 1_000);
        assert_eq!(reserve.needed("raw", 100), 0, "nothing is known yet");
        reserve.note(&group, &advance(Some(5), 15), 1_000);
        assert_eq!(reserve.needed("raw", 25), LEAST_BYTES + 1_250);
        assert_eq!(reserve.needed("raw", 15), LEAST_BYTES);
        assert_eq!(reserve.needed("other", 25), 0);
        let idle = Arc::from("moves its positions alone");
        reserve.note(&idle, &advance(Some(0), 1), 0);
        assert_eq!(reserve.needed("raw", 15), LEAST_BYTES);
    }
}
