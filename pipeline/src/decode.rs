//! A log record → what it holds: an event, an event for one sink only, or a dead letter.

use event::{DeadLetter, Draft, Event, EventId, FieldError, LogPosition, Stage};
use eventlog::Record;

use crate::replay::replayed;

/// What a record holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    /// An event for every sink.
    Event(Event),
    /// An event that the named sink lacks, and the id that tells this replay from others.
    Replay { sink: String, event: Event, id: EventId },
    /// Nothing that could be read.
    Dead(DeadLetter),
}

impl Decoded {
    /// What makes the record a duplicate of another.
    pub fn id(&self) -> Option<EventId> {
        match self {
            Self::Event(event) => Some(event.id),
            Self::Replay { id, .. } => Some(*id),
            Self::Dead(_) => None,
        }
    }
}

/// Reads the record at `position`, of the lab's layout or ours.
pub(crate) fn decode(record: &Record, position: &LogPosition) -> Decoded {
    let decoded = match replayed(&record.payload) {
        None => {
            Draft::parse(&record.payload).and_then(|draft| draft.recorded(record.time, position)).map(Decoded::Event)
        }
        Some(letter) => letter.and_then(decode_replay),
    };
    decoded.unwrap_or_else(|error| Decoded::Dead(undecoded(record, position, error.to_string())))
}

/// The record with its bytes, and why it is no event.
pub(crate) fn undecoded(record: &Record, position: &LogPosition, reason: String) -> DeadLetter {
    DeadLetter {
        payload: record.payload.to_vec(),
        stage: Stage::Decode,
        reason,
        position: position.clone(),
        time: record.time,
    }
}

/// The event keeps the id and times that it had at its first place in the log.
fn decode_replay(letter: DeadLetter) -> Result<Decoded, FieldError> {
    let event = Draft::parse(&letter.payload)?.recorded(letter.time, &letter.position)?;
    Ok(match letter.stage {
        Stage::Decode => Decoded::Event(event),
        Stage::Sink(sink) => {
            let seed = format!("replay of {} for {sink}", letter.position);
            Decoded::Replay { id: EventId::derived(letter.time, seed.as_bytes()), sink, event }
        }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use event::Timestamp;

    use super::*;
    use crate::replay_record;

    fn record(offset: i64, payload: impl Into<Bytes>) -> Record {
        let time = Timestamp::parse("2026-01-31T09:30:00Z").unwrap();
        Record { partition: 0, offset, time, payload: payload.into() }
    }

    fn place(offset: i64) -> LogPosition {
        LogPosition { topic: "raw".into(), partition: 0, offset }
    }

    #[test]
    fn a_record_that_is_no_event_becomes_a_dead_letter_with_its_bytes() {
        let Decoded::Dead(letter) = decode(&record(7, &b"\xff not json"[..]), &place(7)) else {
            panic!("must not decode")
        };
        assert_eq!((letter.payload.as_slice(), &letter.stage), (&b"\xff not json"[..], &Stage::Decode));
        assert_eq!(letter.position.to_string(), "raw/0/7");
        assert!(letter.reason.contains("not a JSON object"), "{}", letter.reason);
    }

    #[test]
    fn a_replayed_letter_is_the_event_that_it_was_and_for_its_sink_only() {
        let first = record(7, r#"{"url":"/a"}"#);
        let Decoded::Event(event) = decode(&first, &place(7)) else { panic!("must decode") };
        let letter = DeadLetter {
            payload: first.payload.to_vec(),
            stage: Stage::Sink("postgres".to_owned()),
            reason: String::new(),
            position: place(7),
            time: first.time,
        };
        let replay = |offset| decode(&record(offset, replay_record(&letter)), &place(offset));
        let Decoded::Replay { sink, event: again, id } = replay(20) else { panic!("must be a replay") };
        assert_eq!((sink.as_str(), &again), ("postgres", &event));
        assert_ne!(id, event.id);
        assert_eq!(replay(21).id(), Some(id));
    }
}
