//! Looks for one event among the newest records of a topic.

use std::time::Duration;

use event::{EventId, Positions, Timestamp};
use eventlog::{EventLog, LogError};
use serde_json::Value;

/// How far back it is looked for.
const LOOK_BACK: Duration = Duration::from_secs(60);

const READ_BYTES: usize = 1 << 20;

/// The JSON of the record that has this `event_id`, and where it stands; waits until there is one.
///
/// # Errors
/// When the log cannot be read.
pub async fn find(log: &dyn EventLog, topic: &str, id: EventId) -> Result<(i32, i64, Value), LogError> {
    let id = id.to_string();
    let since = Timestamp::now().micros() - i64::try_from(LOOK_BACK.as_micros()).unwrap_or(i64::MAX);
    let since = Timestamp::from_micros(since).unwrap_or_default();
    let mut positions = Positions::default();
    for partition in log.partitions(topic).await? {
        positions.set(partition, log.offset_for_time(topic, partition, since).await?);
    }
    let mut reader = log.reader(topic).await?;
    reader.assign(&positions).await?;
    loop {
        for record in reader.next(READ_BYTES).await? {
            if let Some(json) = event_of(&record.payload, &id) {
                return Ok((record.partition, record.offset, json));
            }
        }
    }
}

/// The record as JSON, if it is this event's. Records of others are not parsed.
fn event_of(payload: &[u8], id: &str) -> Option<Value> {
    let text = std::str::from_utf8(payload).ok().filter(|text| text.contains(id))?;
    let json: Value = serde_json::from_str(text).ok()?;
    (json.get("event_id")?.as_str() == Some(id)).then_some(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_by_its_own_id_alone() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let record = |key: &str| format!(r#"{{"{key}":"{id}","url":"/"}}"#).into_bytes();
        assert_eq!(event_of(&record("event_id"), id).unwrap()["url"], "/");
        assert_eq!(event_of(&record("user_id"), id), None);
        assert_eq!(event_of(b"\xff", id), None);
        assert_eq!(event_of(&record("event_id"), "01890a5d-ac96-774b-bcce-b302099a8058"), None);
    }
}
