//! A valid page view, and the JSON record that the log keeps of it.

use serde_json::{Map, Value};

use crate::number::{as_text, write_value};
use crate::quoted::{write_json_text, write_text};
use crate::texts::{Text, Texts};
use crate::{EventId, Timestamp};

/// Version of the record's layout, for readers of the log.
pub const SCHEMA_VERSION: &str = "1";

/// The name of an event that has no other.
pub const PAGE_VIEW: &str = "pageview";

/// What most properties fit into.
const USUAL_PROPERTIES_BYTES: usize = 128;

/// The extra keys that have a column of their own.
const EVENT_NAME: &str = "event_name";
const SITE: &str = "site";

/// A page view with its identity and both of its times.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Identity.
    pub id: EventId,
    /// When the visitor saw the page, to the millisecond.
    pub event_time: Timestamp,
    /// When pageberg (or the log, for another producer's record) received it.
    pub received_at: Timestamp,
    pub(crate) texts: Texts,
    /// Every other key, as it came; a number of more digits than a value holds is marked text, which [`crate::as_text`],
    /// [`crate::as_double`] and [`crate::write_value`] know.
    pub extra: Map<String, Value>,
}

impl Event {
    /// An event without texts and other keys. Its times are whole milliseconds.
    pub fn new(id: EventId, event_time: Timestamp, received_at: Timestamp) -> Self {
        Self { id, event_time, received_at, texts: Texts::default(), extra: Map::new() }
    }

    /// Page address: absolute, or a path when only [`Self::host`] is known.
    pub fn url(&self) -> Option<&str> {
        self.texts.get(Text::Url)
    }

    /// Address of the page before.
    pub fn referrer(&self) -> Option<&str> {
        self.texts.get(Text::Referrer)
    }

    /// User-Agent header, or JSON text about it.
    pub fn user_agent(&self) -> Option<&str> {
        self.texts.get(Text::UserAgent)
    }

    /// Host of the page.
    pub fn host(&self) -> Option<&str> {
        self.texts.get(Text::Host)
    }

    /// The visitor's address as text. Not always an address when another producer wrote it.
    pub fn ip(&self) -> Option<&str> {
        self.texts.get(Text::Ip)
    }

    /// Request headers as JSON text.
    pub fn headers(&self) -> Option<&str> {
        self.texts.get(Text::Headers)
    }

    /// Replaces a text.
    pub fn set(&mut self, text: Text, value: Option<&str>) {
        self.texts.set(text, value);
    }

    /// The record's JSON: the lab's seven keys (null where unknown), `event_id`, `received_at`, then every other key.
    pub fn to_record(&self) -> Vec<u8> {
        let mut record = Vec::new();
        self.write_record(&mut record);
        record
    }

    /// Appends the record's JSON to `into`.
    pub fn write_record(&self, into: &mut Vec<u8>) {
        let mut mark = b'{';
        for text in Text::ALL {
            into.push(mark);
            self.write_member(text, into);
            mark = b',';
        }
        write_time(",\"event_time\":\"", self.event_time, into);
        self.write_id(into);
        write_time(",\"received_at\":\"", self.received_at, into);
        for (key, value) in &self.extra {
            into.push(b',');
            write_text(key, into);
            into.push(b':');
            write_value(value, into);
        }
        into.push(b'}');
    }

    /// Appends a text with its key, null where unknown.
    pub(crate) fn write_member(&self, text: Text, into: &mut Vec<u8>) {
        into.push(b'"');
        into.extend_from_slice(text.key().as_bytes());
        into.extend_from_slice(b"\":");
        match self.texts.get(text) {
            Some(text) => write_text(text, into),
            None => into.extend_from_slice(b"null"),
        }
    }

    /// Appends the id with its key, behind a comma.
    pub(crate) fn write_id(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(b",\"event_id\":\"");
        into.extend_from_slice(self.id.encode(&mut [0; 36]).as_bytes());
        into.push(b'"');
    }

    /// What happened: the extra key `event_name`, or [`PAGE_VIEW`] when it is no text.
    pub fn name(&self) -> &str {
        self.column_of_its_own(EVENT_NAME).unwrap_or(PAGE_VIEW)
    }

    /// The site that the sender named: the extra key `site`, when it is text.
    pub fn site(&self) -> Option<&str> {
        self.column_of_its_own(SITE)
    }

    /// The keys that pageberg gives no column, as JSON text; `None` when there are none.
    pub fn properties(&self) -> Option<String> {
        let usual_bytes = if self.extra.is_empty() { 0 } else { USUAL_PROPERTIES_BYTES };
        let mut json = Vec::with_capacity(usual_bytes);
        self.write_properties(&mut json).then(|| String::from_utf8(json).expect("JSON of texts is text"))
    }

    /// Appends [`Self::properties`] to `into`; tells whether there are any.
    pub fn write_properties(&self, into: &mut Vec<u8>) -> bool {
        let has_column = |key: &str| matches!(key, EVENT_NAME | SITE) && self.column_of_its_own(key).is_some();
        let mut mark = b'{';
        for (key, value) in self.extra.iter().filter(|(key, _)| !has_column(key)) {
            into.push(mark);
            write_json_text(key, into);
            into.push(b':');
            write_value(value, into);
            mark = b',';
        }
        let any = mark == b',';
        if any {
            into.push(b'}');
        }
        any
    }

    fn column_of_its_own(&self, key: &str) -> Option<&str> {
        self.extra.get(key).and_then(as_text).filter(|text| !text.is_empty())
    }
}

/// Appends a time and the quote at its end.
pub(crate) fn write_time(key: &str, time: Timestamp, into: &mut Vec<u8>) {
    into.extend_from_slice(key.as_bytes());
    into.extend_from_slice(&time.iso());
    into.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Draft, LogPosition};

    fn event(json: &str) -> Event {
        let position = LogPosition { topic: "raw".into(), partition: 0, offset: 1 };
        Draft::parse(json.as_bytes()).unwrap().recorded(Timestamp::default(), &position).unwrap()
    }

    #[test]
    fn what_has_a_column_is_no_property() {
        for (json, name, site, properties) in [
            (r#"{"url":"/a"}"#, PAGE_VIEW, None, None),
            (r#"{"event_name":"signup","site":"shop"}"#, "signup", Some("shop"), None),
            (r#"{"event_name":"signup","plan":1}"#, "signup", None, Some(r#"{"plan":1}"#)),
            (r#"{"event_name":"","site":7}"#, PAGE_VIEW, None, Some(r#"{"event_name":"","site":7}"#)),
        ] {
            let event = event(json);
            assert_eq!((event.name(), event.site(), event.properties().as_deref()), (name, site, properties), "{json}");
        }
    }

    #[test]
    fn a_record_keeps_every_key() {
        let record = event(r#"{"event_name":"signup","site":"shop","plan":1}"#).to_record();
        let record: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(
            [&record["event_name"], &record["site"], &record["plan"]],
            [&"signup".into(), &"shop".into(), &Value::from(1)]
        );
    }
}
