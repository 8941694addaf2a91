//! A record that could not go on, kept with its bytes.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::{FieldError, LogPosition, Timestamp};

/// A record that could not be decoded or written. `position` and `stage` together identify it.
#[derive(Clone, PartialEq, Debug)]
pub struct DeadLetter {
    /// The record's bytes, unchanged.
    pub payload: Vec<u8>,
    /// Where it stopped.
    pub stage: Stage,
    /// Why, in words for the operator.
    pub reason: String,
    /// The record's place in the log.
    pub position: LogPosition,
    /// When the log took the record.
    pub time: Timestamp,
}

/// The stage at which a record stopped.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// The record could not be read as an event: no sink has it.
    Decode,
    /// The named sink refused the row: only that sink lacks it.
    Sink(String),
}

/// `decode`, or `sink:` and the sink's name.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode => f.write_str("decode"),
            Self::Sink(name) => write!(f, "sink:{name}"),
        }
    }
}

impl Stage {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("sink:") {
            Some(name) => Some(Self::Sink(name.to_owned())),
            None => (text == "decode").then_some(Self::Decode),
        }
    }
}

/// What identifies a dead letter: the stage at which its record stopped, and the record's place in the log.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct LetterId {
    /// The stage, as [`Stage`] shows itself.
    pub stage: String,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl LetterId {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (stage, position) = text.split_once('@')?;
        let (rest, offset) = position.rsplit_once('/')?;
        let (topic, partition) = rest.rsplit_once('/')?;
        Some(Self {
            stage: Stage::parse(stage)?.to_string(),
            topic: topic.to_owned(),
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }
}

/// `STAGE@TOPIC/PARTITION/OFFSET`.
impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}/{}", self.stage, self.topic, self.partition, self.offset)
    }
}

/// What a record of the dead-letter topic says.
#[derive(Clone, PartialEq, Debug)]
pub enum LetterRecord {
    /// A record stopped.
    Letter(DeadLetter),
    /// The letter went through the log again, and is settled.
    Replayed(LetterId),
}

#[derive(Serialize, Deserialize)]
struct Mark {
    replayed: LetterId,
}

impl LetterRecord {
    /// The JSON that marks a letter as replayed.
    pub fn mark(id: &LetterId) -> Vec<u8> {
        serde_json::to_vec(&Mark { replayed: id.clone() }).expect("strings and numbers always serialise")
    }

    /// Reads a record of the dead-letter topic.
    ///
    /// # Errors
    /// When it is neither a letter nor a mark.
    pub fn parse(json: &[u8]) -> Result<Self, FieldError> {
        match serde_json::from_slice::<Mark>(json) {
            Ok(mark) => Ok(Self::Replayed(mark.replayed)),
            Err(_) => DeadLetter::parse(json).map(Self::Letter),
        }
    }
}

/// The JSON of a dead letter. The payload stands in `payload` when it is text, else in `payload_base64`.
#[derive(Serialize, Deserialize)]
struct Record {
    stage: String,
    reason: String,
    topic: String,
    partition: i32,
    offset: i64,
    time: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

impl DeadLetter {
    /// What identifies the letter.
    pub fn id(&self) -> LetterId {
        LetterId {
            stage: self.stage.to_string(),
            topic: self.position.topic.to_string(),
            partition: self.position.partition,
            offset: self.position.offset,
        }
    }

    /// The letter as the JSON record of the dead-letter topic.
    pub fn to_record(&self) -> Vec<u8> {
        let text = std::str::from_utf8(&self.payload).ok();
        let record = Record {
            stage: self.stage.to_string(),
            reason: self.reason.clone(),
            topic: self.position.topic.to_string(),
            partition: self.position.partition,
            offset: self.position.offset,
            time: self.time.to_string(),
            payload: text.map(str::to_owned),
            payload_base64: text.is_none().then(|| BASE64.encode(&self.payload)),
        };
        serde_json::to_vec(&record).expect("strings and numbers always serialise")
    }

    /// Reads what [`DeadLetter::to_record`] wrote.
    ///
    /// # Errors
    /// When it is not such a record.
    pub fn parse(json: &[u8]) -> Result<Self, FieldError> {
        let fault = |reason: String| FieldError { field: None, reason };
        let record: Record =
            serde_json::from_slice(json).map_err(|error| fault(format!("not a dead letter: {error}")))?;
        let payload = match (record.payload, record.payload_base64) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(base64)) => BASE64.decode(base64).map_err(|error| fault(error.to_string()))?,
            (None, None) => return Err(fault("a dead letter without its payload".to_owned())),
        };
        Ok(Self {
            payload,
            stage: Stage::parse(&record.stage).ok_or_else(|| fault(format!("no such stage: {}", record.stage)))?,
            reason: record.reason,
            position: LogPosition { topic: record.topic.into(), partition: record.partition, offset: record.offset },
            time: Timestamp::parse(&record.time).map_err(|error| fault(error.to_string()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_keeps_every_byte_of_its_payload() {
        for payload in [&b"{\"url\":"[..], b"", b"\xff\x00\xfe"] {
            for stage in [Stage::Decode, Stage::Sink("postgres".to_owned())] {
                let letter = DeadLetter {
                    payload: payload.to_vec(),
                    stage,
                    reason: "not a JSON object".to_owned(),
                    position: LogPosition { topic: "raw".into(), partition: 3, offset: 9 },
                    time: Timestamp::now().to_millis_precision(),
                };
                assert_eq!(DeadLetter::parse(&letter.to_record()), Ok(letter));
            }
        }
    }

    #[test]
    fn an_id_is_read_as_it_is_printed() {
        for text in ["decode@pageberg.raw_events/0/12", "sink:postgres@raw/3/9223372036854775807"] {
            assert_eq!(LetterId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        }
        for text in ["", "decode@raw/0", "decode@raw/0/x", "elsewhere@raw/0/1", "raw/0/1"] {
            assert_eq!(LetterId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_mark_is_no_letter() {
        let id = LetterId::parse("decode@raw/0/12").unwrap();
        assert_eq!(LetterRecord::parse(&LetterRecord::mark(&id)), Ok(LetterRecord::Replayed(id)));
        assert!(LetterRecord::parse(b"{}").is_err());
    }
}
