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
#[derive(Clone, PartialEq, Eq, Debug)]
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
}
