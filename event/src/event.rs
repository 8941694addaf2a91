//! A valid page view, and the JSON record that the log keeps of it.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::{EventId, Timestamp};

/// Version of the record's layout, for readers of the log.
pub const SCHEMA_VERSION: u32 = 1;

/// A page view with its identity and both of its times.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Identity.
    pub id: EventId,
    /// When the visitor saw the page, to the millisecond.
    pub event_time: Timestamp,
    /// When pageberg (or the log, for another producer's record) received it.
    pub received_at: Timestamp,
    /// Page address: absolute, or a path when only `host` is known.
    pub url: Option<String>,
    /// Address of the page before.
    pub referrer: Option<String>,
    /// User-Agent header, or JSON text about it.
    pub user_agent: Option<String>,
    /// Host of the page.
    pub host: Option<String>,
    /// The visitor's address as text. Not always an address when another producer wrote it.
    pub ip: Option<String>,
    /// Request headers as JSON text.
    pub headers: Option<String>,
    /// Every other key, as it came.
    pub extra: Map<String, Value>,
}

impl Event {
    /// The record's JSON: the lab's seven keys (null where unknown), `event_id`, `received_at`, then every other key.
    pub fn to_record(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps with text keys always serialise")
    }

    /// The keys that pageberg gives no column, as JSON text; `None` when there are none.
    pub fn properties(&self) -> Option<String> {
        (!self.extra.is_empty()).then(|| Value::Object(self.extra.clone()).to_string())
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(9 + self.extra.len()))?;
        map.serialize_entry("url", &self.url)?;
        map.serialize_entry("referrer", &self.referrer)?;
        map.serialize_entry("user_agent", &self.user_agent)?;
        map.serialize_entry("host", &self.host)?;
        map.serialize_entry("ip", &self.ip)?;
        map.serialize_entry("headers", &self.headers)?;
        map.serialize_entry("event_time", &format_args!("{}", self.event_time))?;
        map.serialize_entry("event_id", &format_args!("{}", self.id))?;
        map.serialize_entry("received_at", &format_args!("{}", self.received_at))?;
        for (key, value) in &self.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
