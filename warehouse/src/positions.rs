//! How log positions are written down in the table's properties.

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

/// The positions in `topic` among a table's properties. The topic `a` does not see those of the topic `a.b`.
///
/// # Errors
/// `Position` when one is no number: to pass over it would write its events twice.
pub(crate) fn read(properties: &HashMap<String, String>, topic: &str) -> Result<Positions, Error> {
    let prefix = prefix(topic);
    properties
        .iter()
        .filter_map(|(key, value)| Some((key, value, key.strip_prefix(&prefix)?.parse::<i32>().ok()?)))
        .map(|(key, value, partition)| {
            let next = value.parse().map_err(|_| Error::Position { key: key.clone(), value: value.clone() })?;
            Ok((partition, next))
        })
        .collect()
}

/// The properties that hold positions, of whichever topic. They go into the summary of every snapshot.
pub(crate) fn all(properties: &HashMap<String, String>) -> HashMap<String, String> {
    let held = properties.iter().filter(|(key, _)| key.starts_with(ANY_TOPIC));
    held.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The positions in any topic among a table's or a snapshot's properties, by `topic/partition`, to be shown; one that is
/// no number is left out.
pub(crate) fn by_place(properties: &HashMap<String, String>) -> BTreeMap<String, i64> {
    let place = |(key, value): (&String, &String)| {
        let (topic, partition) = key.strip_prefix(ANY_TOPIC)?.rsplit_once('.')?;
        Some((format!("{topic}/{partition}"), value.parse().ok()?))
    };
    properties.iter().filter_map(place).collect()
}

/// The properties that a commit sets.
pub(crate) fn written_by(advance: &Advance) -> HashMap<String, String> {
    advance.steps.iter().map(|step| (key(&advance.topic, step.partition), step.next.to_string())).collect()
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
