//! How log positions are written down in the summaries of snapshots and in the table's properties.

use std::collections::{BTreeMap, HashMap};

use event::{Advance, Positions};

use crate::Error;

/// The table property, and the key in a snapshot's summary, that holds the next offset of a partition.
fn key(topic: &str, partition: i32) -> String {
    format!("{}{partition}", prefix(topic))
}

fn prefix(topic: &str) -> String {
    format!("{ANY_TOPIC}{topic}.")
}

const ANY_TOPIC: &str = "pageberg.position.";

/// The property that holds the mark of the record before the position.
fn last_key(topic: &str, partition: i32) -> String {
    format!("{ANY_LAST_RECORD}{topic}.{partition}")
}

const ANY_LAST_RECORD: &str = "pageberg.last-record.";

/// Table properties that name the snapshot whose positions the other properties hold.
const SNAPSHOT_ID: &str = "pageberg.positions.snapshot-id";
const SEQUENCE_NUMBER: &str = "pageberg.positions.sequence-number";

/// Positions as they are written down, by key.
pub(crate) type Texts = HashMap<String, String>;

/// The snapshot that the positions among a table's properties belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) snapshot_id: i64,
    pub(crate) sequence_number: i64,
}

impl Marker {
    pub(crate) fn of(properties: &HashMap<String, String>) -> Option<Self> {
        let number = |key: &str| properties.get(key)?.parse().ok();
        Some(Self { snapshot_id: number(SNAPSHOT_ID)?, sequence_number: number(SEQUENCE_NUMBER)? })
    }

    /// The properties that say so.
    pub(crate) fn written(self) -> [(String, String); 2] {
        let property = |key: &str, number: i64| (key.to_owned(), number.to_string());
        [property(SNAPSHOT_ID, self.snapshot_id), property(SEQUENCE_NUMBER, self.sequence_number)]
    }
}

/// A position as text.
fn text(next: i64) -> String {
    next.to_string()
}

/// What [`text`] has written.
fn parsed(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// The positions in `topic` among others that were written down. The topic `a` does not see those of the topic `a.b`.
///
/// # Errors
/// `Position` when one is no number: to pass over it would write its events twice.
pub(crate) fn read(properties: &HashMap<String, String>, topic: &str) -> Result<Positions, Error> {
    let prefix = prefix(topic);
    properties
        .iter()
        .filter_map(|(key, value)| Some((key, value, key.strip_prefix(&prefix)?.parse::<i32>().ok()?)))
        .map(|(key, value, partition)| {
            let spoilt = || Error::Position { key: key.clone(), value: value.clone() };
            let next = parsed(value).ok_or_else(spoilt)?;
            Ok((partition, next))
        })
        .collect::<Result<Positions, Error>>()
        .map(|positions| marked(positions, properties, topic))
}

fn marked(mut positions: Positions, properties: &HashMap<String, String>, topic: &str) -> Positions {
    let partitions: Vec<i32> = positions.iter().map(|(partition, _)| partition).collect();
    for partition in partitions {
        let last = properties.get(&last_key(topic, partition)).map(|text| text.parse());
        if let Some(Ok(last)) = last {
            positions.mark(partition, last);
        }
    }
    positions
}

/// The properties that hold positions, of whichever topic.
pub(crate) fn all(properties: &HashMap<String, String>) -> Texts {
    let held = properties.iter().filter(|(key, _)| key.starts_with(ANY_TOPIC) || key.starts_with(ANY_LAST_RECORD));
    held.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The positions in any topic among a table's or a snapshot's properties, by `topic/partition`, to be shown; one that is
/// no number is left out.
pub(crate) fn by_place(properties: &HashMap<String, String>) -> BTreeMap<String, i64> {
    let place = |(key, value): (&String, &String)| {
        let (topic, partition) = key.strip_prefix(ANY_TOPIC)?.rsplit_once('.')?;
        Some((format!("{topic}/{partition}"), parsed(value)?))
    };
    properties.iter().filter_map(place).collect()
}

/// The positions that a commit moves to.
pub(crate) fn written_by(advance: &Advance) -> Texts {
    let next = advance.steps.iter().map(|step| (key(&advance.topic, step.partition), text(step.next)));
    let last = advance.steps.iter().filter_map(|step| {
        let mark = step.last?;
        Some((last_key(&advance.topic, step.partition), mark.to_string()))
    });
    next.chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_back_for_their_topic_alone() {
        let of = |topic: &str, pairs: &[(i32, i64)]| {
            Positions::default().advance_to(&topic.into(), &pairs.iter().copied().collect())
        };
        let mut properties = written_by(&of("raw", &[(0, 5), (11, i64::MAX)]));
        properties.extend(written_by(&of("raw.1", &[(0, 7)])));
        properties.insert("owner".to_owned(), "somebody".to_owned());
        assert_eq!(read(&properties, "raw").unwrap(), [(0, 5), (11, i64::MAX)].into_iter().collect());
        assert_eq!(read(&properties, "raw.1").unwrap(), [(0, 7)].into_iter().collect());
        assert!(read(&properties, "ra").unwrap().is_empty());
    }

    #[test]
    fn a_position_that_is_no_number_is_never_passed_over() {
        let properties = HashMap::from([("pageberg.position.raw.0".to_owned(), "seven".to_owned())]);
        assert!(matches!(read(&properties, "raw"), Err(Error::Position { .. })));
    }
}
