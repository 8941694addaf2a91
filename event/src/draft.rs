//! An event's JSON as a sender wrote it, before it is known to be valid.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::json::read_json;
use crate::number;
use crate::object::{Given, Members, Next, Object};
use crate::texts::{Span, Text, Texts};
use crate::{Event, EventId, LogPosition, Timestamp};

/// The extra key that names what happened, when it is no page view.
const EVENT_NAME: &str = "event_name";

/// How deeply objects and arrays may be nested in each other: what serde_json reads.
const MAX_DEPTH: usize = 127;

/// A record's keys and marks are one byte in so many of it at least.
const MARKS_SHARE: usize = 6;

/// What is wrong with a sender's event, in words for the sender.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[error("{}{reason}", field.as_ref().map(|name| format!("{name} ")).unwrap_or_default())]
pub struct FieldError {
    /// The key at fault; `None` when the JSON as a whole is.
    pub field: Option<String>,
    /// What the field must be, to be read after its name.
    pub reason: String,
}

impl FieldError {
    fn of(field: &str, reason: impl ToString) -> Self {
        Self { field: Some(field.to_owned()), reason: reason.to_string() }
    }
}

/// The fields of one JSON object: known keys as text, others as they came. U+0000 and half a surrogate pair are replaced by
/// U+FFFD.
#[derive(Debug, Default, Clone)]
pub struct Draft {
    pub(crate) texts: Texts,
    pub(crate) event_id: Span,
    pub(crate) event_time: Span,
    received_at: Span,
    pub(crate) extra: Map<String, Value>,
    /// Whether every value was read as it was written.
    is_literal: bool,
}

impl Draft {
    /// Reads one JSON object. Missing and null are the same; `headers` and `user_agent` may be text or any JSON, and
    /// `event_time` text or a number.
    ///
    /// # Errors
    /// When it is not JSON (nested at most 128 deep), not an object, has a key twice, or a known key holds no text.
    pub fn parse(json: &[u8]) -> Result<Self, FieldError> {
        let fault =
            |error: &dyn fmt::Display| FieldError { field: None, reason: format!("not a JSON object: {error}") };
        // Looked at once as a whole, which is quicker than at each text in it.
        let json = std::str::from_utf8(json).map_err(|error| fault(&error))?;
        Self::read(json).unwrap_or_else(|| {
            let Members(members) = read_json(json.as_bytes()).map_err(|error| fault(&error))?;
            Self::of_members(members)
        })
    }

    /// The same from an object that is no JSON text, such as a translation of another protocol's.
    ///
    /// # Errors
    /// When it is nested deeper than its record could be read back, or a known key holds no text.
    pub fn from_object(object: Map<String, Value>) -> Result<Self, FieldError> {
        match object.iter().find(|(_, value)| is_deeper_than(value, MAX_DEPTH - 1)) {
            Some((key, _)) => Err(FieldError::of(key, "is nested too deeply")),
            None => Self::of_members(object),
        }
    }

    /// Reads what is as records usually are. A fault of a member counts only in an object that can be read to its end.
    fn read(json: &str) -> Option<Result<Self, FieldError>> {
        let mut object = Object::open(json)?;
        let texts = Texts::with_capacity(json.len() - json.len() / MARKS_SHARE);
        let mut draft = Self { texts, is_literal: true, ..Self::default() };
        let mut fault = None;
        loop {
            let start = draft.texts.buffer().len();
            match object.next(draft.texts.buffer())? {
                Next::End => {
                    draft.is_literal &= !object.has_replaced();
                    return Some(fault.map_or(Ok(draft), Err));
                }
                Next::Member(_, Given::Other(value)) if is_deeper_than(&value, MAX_DEPTH - 1) => return None,
                Next::Member(key, given) => fault = fault.or_else(|| draft.put(key, given, start).err()),
            }
        }
    }

    fn of_members(members: impl IntoIterator<Item = (String, Value)>) -> Result<Self, FieldError> {
        let mut draft = Self::default();
        for (key, value) in members {
            let start = draft.texts.buffer().len();
            let given = match value {
                Value::String(text) if number::digits(&text).is_none() => {
                    draft.texts.push(&text.replace('\0', "\u{fffd}"));
                    Given::Text
                }
                other => Given::Other(other),
            };
            draft.put(&key, given, start)?;
        }
        Ok(draft)
    }

    /// Takes a known key's text out, such as one that the sender may not set.
    pub fn take(&mut self, key: &str) -> Option<String> {
        let span = std::mem::take(self.slot(key)?.0);
        self.texts.read(span).map(str::to_owned)
    }

    /// Whether no address of the visitor's is to be recorded, nor the sender's in its place: then no place is found either.
    /// The address that is no host's says so.
    pub fn withholds_ip(&self) -> bool {
        self.address().is_ok_and(|ip| ip.is_some_and(|ip| ip.to_canonical().is_unspecified()))
    }

    /// The event of a sender that is answered at once: `event_time` may be missing or empty (then it is `received_at`), so
    /// may `event_id` (then it is new) and `ip` (then it is the `peer`'s, or none: see [`Self::withholds_ip`]).
    ///
    /// # Errors
    /// A page view with neither `url` nor `host`, or a field that is not what its name says.
    pub fn accept(self, received_at: Timestamp, peer: IpAddr) -> Result<Event, FieldError> {
        if self.texts.get(Text::Url).or(self.texts.get(Text::Host)).is_none() && self.is_page_view() {
            return Err(FieldError::of("url", "is missing: give the page's url, or at least its host"));
        }
        let ip = self.address()?.unwrap_or(peer);
        let withholds_ip = ip.to_canonical().is_unspecified();
        let id = self.id()?.unwrap_or_default();
        let event_time = self.time("event_time", self.event_time)?.unwrap_or(received_at);
        let mut event = self.into_event(id, event_time, received_at);
        // An IPv4 address can be written in one way only, but for blanks around it.
        let is_canonical = |text: &str| ip.is_ipv4() && text.trim().len() == text.len();
        if withholds_ip {
            event.set(Text::Ip, None);
        } else if !event.ip().is_some_and(is_canonical) {
            event.set(Text::Ip, Some(&ip.to_canonical().to_string()));
        }
        Ok(event)
    }

    /// The event of a record read back from the log at `position`, written there at `log_time`. Any producer may have
    /// written it, so every field may be missing and `ip` may be any text.
    ///
    /// # Errors
    /// An `event_id` that is no UUID, or a time that is none.
    pub fn recorded(self, log_time: Timestamp, position: &LogPosition) -> Result<Event, FieldError> {
        let received_at = self.time("received_at", self.received_at)?.unwrap_or(log_time);
        let event_time = self.time("event_time", self.event_time)?.unwrap_or(received_at);
        let id = self.id()?.unwrap_or_else(|| EventId::of_record(event_time, position));
        Ok(self.into_event(id, event_time, received_at))
    }

    /// Whether a record may repeat the JSON that it was read from: each key stands there once, and with its value.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.is_literal && self.received_at.is_none()
    }

    /// Whether it is a page view: what else happened has a name.
    fn is_page_view(&self) -> bool {
        self.extra.get(EVENT_NAME).is_none_or(Value::is_null)
    }

    fn id(&self) -> Result<Option<EventId>, FieldError> {
        let parse = |text| EventId::parse(text).ok_or_else(|| FieldError::of("event_id", "must be a UUID"));
        self.texts.read(self.event_id).map(parse).transpose()
    }

    fn address(&self) -> Result<Option<IpAddr>, FieldError> {
        let parse =
            |text: &str| text.trim().parse().map_err(|_| FieldError::of("ip", "must be an IPv4 or IPv6 address"));
        self.texts.get(Text::Ip).map(parse).transpose()
    }

    /// A time; empty text is as good as none.
    fn time(&self, field: &str, span: Span) -> Result<Option<Timestamp>, FieldError> {
        let parse = |text| Timestamp::parse(text).map_err(|error| FieldError::of(field, error));
        self.texts.read(span).filter(|text| !text.trim().is_empty()).map(parse).transpose()
    }

    fn into_event(self, id: EventId, event_time: Timestamp, received_at: Timestamp) -> Event {
        Event {
            id,
            event_time: event_time.to_millis_precision(),
            received_at: received_at.to_millis_precision(),
            texts: self.texts,
            extra: self.extra,
        }
    }

    fn slot(&mut self, key: &str) -> Option<(&mut Span, Nested)> {
        Some(match key {
            "event_id" => (&mut self.event_id, Nested::Refused),
            "event_time" => (&mut self.event_time, Nested::NumberKept),
            "received_at" => (&mut self.received_at, Nested::NumberKept),
            "url" => (self.texts.slot(Text::Url), Nested::Refused),
            "referrer" => (self.texts.slot(Text::Referrer), Nested::Refused),
            "host" => (self.texts.slot(Text::Host), Nested::Refused),
            "ip" => (self.texts.slot(Text::Ip), Nested::Refused),
            "user_agent" => (self.texts.slot(Text::UserAgent), Nested::KeptAsJson),
            "headers" => (self.texts.slot(Text::Headers), Nested::KeptAsJson),
            _ => return None,
        })
    }

    /// Puts one key's value in its place; the value's text, if it is one, stands at `start` behind all others.
    fn put(&mut self, key: &str, given: Given, start: usize) -> Result<(), FieldError> {
        let written = self.texts.since(start);
        let Some((slot, nested)) = self.slot(key) else {
            let value = match given {
                Given::Text => Value::String(self.texts.buffer().split_off(start)),
                Given::Other(value) => {
                    // A nested object may have a key twice.
                    self.is_literal &= !value.is_object() && !value.is_array();
                    value
                }
            };
            return match self.extra.insert(key.to_owned(), value) {
                None => Ok(()),
                Some(_) => Err(FieldError::of(key, "appears twice")),
            };
        };
        if !slot.is_none() {
            return Err(FieldError::of(key, "appears twice"));
        }
        let is_text = matches!(given, Given::Text);
        let span = match (given, nested) {
            (Given::Text, _) => written,
            (Given::Other(Value::Null), _) => Span::default(),
            (Given::Other(other), Nested::KeptAsJson) => self.texts.push_json(&other),
            (Given::Other(Value::Number(number)), Nested::NumberKept) => self.texts.push(&number.to_string()),
            (Given::Other(_), Nested::NumberKept | Nested::Refused) => return Err(FieldError::of(key, "must be text")),
        };
        // Null can be given twice.
        self.is_literal &= is_text;
        if let Some((slot, _)) = self.slot(key) {
            *slot = span;
        }
        Ok(())
    }
}

/// What happens to a value that is not text where text is expected.
enum Nested {
    Refused,
    KeptAsJson,
    NumberKept,
}

fn is_deeper_than(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(elements) => depth == 0 || elements.iter().any(|element| is_deeper_than(element, depth - 1)),
        Value::Object(members) => depth == 0 || members.values().any(|member| is_deeper_than(member, depth - 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn now() -> Timestamp {
        Timestamp::parse("2026-01-31T09:30:00.123456Z").unwrap()
    }

    fn accept(json: &str) -> Result<Event, FieldError> {
        Draft::parse(json.as_bytes())?.accept(now(), PEER)
    }

    fn place(offset: i64) -> LogPosition {
        LogPosition { topic: "raw".into(), partition: 0, offset }
    }

    #[test]
    fn what_a_sender_leaves_out_is_filled_in() {
        let event = accept(r#"{"url":"https://example.com/a","plan":{"b":1}}"#).unwrap();
        assert_eq!(event.event_time.to_string(), "2026-01-31T09:30:00.123Z");
        assert_eq!(event.received_at, event.event_time);
        assert_eq!(event.ip(), Some("192.0.2.1"));
        assert_eq!(event.properties().as_deref(), Some(r#"{"plan":{"b":1}}"#));
    }

    #[test]
    fn what_a_sender_gives_is_kept() {
        let json = r#"{"host":"example.com","ip":"::ffff:8.8.8.8","event_time":"2015-05-17T10:05:03+01:00",
            "event_id":"01890A5D-AC96-774B-BCCE-B302099A8057","headers":{"dnt":"1"},"user_agent":"{\"family\":\"x\"}"}"#;
        let event = accept(json).unwrap();
        assert_eq!(event.id.to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(event.event_time.to_string(), "2015-05-17T09:05:03.000Z");
        assert_eq!(event.ip(), Some("8.8.8.8"));
        assert_eq!(event.headers(), Some(r#"{"dnt":"1"}"#));
        assert_eq!(event.user_agent(), Some(r#"{"family":"x"}"#));
    }

    #[test]
    fn an_address_is_recorded_in_its_one_spelling_and_a_missing_one_is_the_peers() {
        for (given, recorded) in [
            (r#""8.8.8.8""#, "8.8.8.8"),
            (r#"" 8.8.8.8 ""#, "8.8.8.8"),
            (r#""2001:DB8:0::1""#, "2001:db8::1"),
            (r#""::ffff:8.8.8.8""#, "8.8.8.8"),
            ("null", "192.0.2.1"),
        ] {
            let event = accept(&format!(r#"{{"url":"/a","ip":{given}}}"#)).unwrap();
            assert_eq!(event.ip(), Some(recorded));
        }
        assert!(accept(r#"{"url":"/a","ip":"008.8.8.8"}"#).is_err());
    }

    #[test]
    fn a_fault_names_the_field_and_what_it_must_be() {
        for (json, field, reason) in [
            ("{}", Some("url"), "is missing"),
            (r#"{"url":1}"#, Some("url"), "must be text"),
            (r#"{"url":"a","url":"b"}"#, Some("url"), "appears twice"),
            (r#"{"url":"a","x":1,"x":2}"#, Some("x"), "appears twice"),
            (r#"{"url":"a","ip":"300.1.1.1"}"#, Some("ip"), "must be an IPv4"),
            (r#"{"url":"a","event_id":"7"}"#, Some("event_id"), "must be a UUID"),
            (r#"{"url":"a","event_time":"noon"}"#, Some("event_time"), "must be an ISO 8601 time"),
            ("[]", None, "not a JSON object"),
            ("7", None, "not a JSON object"),
            ("{\"url\":\"a\"", None, "not a JSON object"),
            ("{\"url\":\"a\"} x", None, "trailing characters"),
            (r#"{"url":"\ud80"}"#, None, "invalid escape"),
            (r#"{"url":"a","event_time":true}"#, Some("event_time"), "must be text"),
            (r#"{"url":"a","event_time":7}"#, Some("event_time"), "such as 2026-01-31T09:30:00.000Z"),
        ] {
            let fault = accept(json).unwrap_err();
            assert_eq!(fault.field.as_deref(), field, "{json}");
            assert!(fault.reason.contains(reason), "{json}: {fault}");
        }
    }

    #[test]
    fn an_object_is_read_like_its_json_and_as_deep_as_its_record_can_be_read_back() {
        let object = |json: &str| serde_json::from_str::<Map<String, Value>>(json).unwrap();
        let json = r#"{"url":"a","ip":null,"headers":{"dnt":"1"},"n":[1],"t":"\u0000"}"#;
        let recorded = |draft: Result<Draft, FieldError>| draft.unwrap().recorded(now(), &place(0)).unwrap();
        assert_eq!(recorded(Draft::from_object(object(json))), recorded(Draft::parse(json.as_bytes())));
        let error = Draft::from_object(object(r#"{"url":1}"#)).unwrap_err();
        assert_eq!((error.field.as_deref(), error.reason.as_str()), (Some("url"), "must be text"));
        let nested = |depth| {
            let value = (0..depth).fold(Value::Null, |inside, _| Value::Array(vec![inside]));
            Draft::from_object(Map::from_iter([("host".to_owned(), "h".into()), ("n".to_owned(), value)]))
        };
        let deepest = nested(MAX_DEPTH - 1).unwrap().accept(now(), PEER).unwrap();
        assert!(Draft::parse(&deepest.to_record()).is_ok());
        assert_eq!(nested(MAX_DEPTH).unwrap_err().to_string(), "n is nested too deeply");
    }

    const SAMPLES: [&str; 8] = [
        r#" {"url":"https://example.com/a?b=\/\"c\"","host":"h", "ip" : null ,"n":-1.5e3,"ok":true,"l":[1,{"a":"b"}]} "#,
        r#"{"headers":"{\"accept\":\"*/*\",\"dnt\":\"1\"}","user_agent":{"family":"x\u0000"},"site":"\u0000\ud83d\ude00\t"}"#,
        "{\"url\":\"caf\u{e9} \\u00e9\",\"referrer\":\"\",\"event_time\":\"2015-05-17T10:05:03.000Z\"}\n",
        r#"{"url":"a","url":null,"x":1,"x":"2"}"#,
        r#"{"url":"\ud83d\ude00\ud83d","referrer":"\ude00\u0041","title":"Sale \ud83d","n":[0.5]}"#,
        r#"{"host":"h","n":12345678901234567890123,"m":-0.12345678901234567890,"event_time":1769851800.5}"#,
        r#"{"url":[],"host":"b","event_id":"01890a5d-ac96-774b-bcce-b302099a8057"}"#,
        "{}",
    ];

    #[test]
    fn the_quick_reader_finds_what_serde_does_or_nothing() {
        let judge = |json: &[u8]| {
            let Ok(text) = std::str::from_utf8(json) else { return false };
            let Some(quick) = Draft::read(text) else { return false };
            let Members(members) = read_json(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
            let event = |draft: Result<Draft, FieldError>| draft?.recorded(now(), &place(0));
            assert_eq!(event(quick), event(Draft::of_members(members)), "{text}");
            true
        };
        let mut read = 0;
        for sample in SAMPLES.map(str::as_bytes) {
            assert!(judge(sample));
            for at in 0..sample.len() {
                judge(&sample[..at]);
                let with = |byte| [&sample[..at], &[byte], &sample[at + 1..]].concat();
                read += b"\"\\{}[],: nue0-/\n\0\x0c\x7f".iter().filter(|byte| judge(&with(**byte))).count();
            }
        }
        assert!(read > 1_000, "{read}");
    }

    #[test]
    fn half_a_surrogate_pair_becomes_a_replacement_character_in_every_place() {
        let json = r#"{"url":"/\ud83d","title":"Sale \ud83d","a\ude00":{"b":["\ud83d"]},"headers":{"h":"\ud83d"}}"#;
        let event = accept(json).unwrap();
        assert_eq!((event.url(), event.headers()), (Some("/\u{fffd}"), Some("{\"h\":\"\u{fffd}\"}")));
        let properties = "{\"a\u{fffd}\":{\"b\":[\"\u{fffd}\"]},\"title\":\"Sale \u{fffd}\"}";
        assert_eq!(event.properties().as_deref(), Some(properties));
        let record = String::from_utf8(event.to_record()).unwrap();
        assert!(!record.contains("\\ud"), "{record}");
    }

    #[test]
    fn numbers_keep_their_digits_in_the_record_and_in_properties() {
        for properties in [
            r#"{"oid":12345678901234567890123}"#,
            r#"{"a":{"oid":[-12345678901234567890123]},"price":12345678901234567.89}"#,
            r#"{"site":12345678901234567890123}"#,
        ] {
            let event = accept(&format!(r#"{{"url":"/a",{}"#, &properties[1..])).unwrap();
            assert_eq!(event.properties().as_deref(), Some(properties));
            let read = Draft::parse(&event.to_record()).unwrap().recorded(Timestamp::default(), &place(0)).unwrap();
            assert_eq!(read, event);
        }
    }

    #[test]
    fn a_time_may_be_text_or_a_number_or_empty() {
        for (given, recorded) in [
            ("\"2026-01-31T09:30Z\"", "2026-01-31T09:30:00.000Z"),
            ("\"1769851800\"", "2026-01-31T09:30:00.000Z"),
            ("1769851800", "2026-01-31T09:30:00.000Z"),
            ("1769851800.25", "2026-01-31T09:30:00.250Z"),
            ("1769851800123", "2026-01-31T09:30:00.123Z"),
            ("\"\"", "2026-01-31T09:30:00.123Z"),
            ("\" \"", "2026-01-31T09:30:00.123Z"),
        ] {
            let json = format!(r#"{{"url":"/a","event_time":{given}}}"#);
            assert_eq!(accept(&json).unwrap().event_time.to_string(), recorded, "{json}");
            let read = Draft::parse(json.as_bytes()).unwrap().recorded(now(), &place(0)).unwrap();
            assert_eq!(read.event_time.to_string(), recorded, "{json}");
        }
    }

    #[test]
    fn an_address_that_is_withheld_is_not_replaced_by_the_senders() {
        for ip in ["0.0.0.0", " 0.0.0.0", "::", "::ffff:0.0.0.0"] {
            assert_eq!(accept(&format!(r#"{{"url":"/a","ip":"{ip}"}}"#)).unwrap().ip(), None, "{ip}");
        }
    }

    #[test]
    fn only_a_page_view_needs_a_page() {
        assert!(accept(r#"{"event_name":"signup"}"#).is_ok());
        assert!(accept(r#"{"event_name":null}"#).is_err());
    }

    #[test]
    fn nesting_without_end_is_an_error_and_no_crash() {
        let deep = format!(r#"{{"url":"a","x":{}"#, "[".repeat(1_000_000));
        assert!(accept(&deep).unwrap_err().reason.contains("recursion limit"));
    }

    #[test]
    fn an_event_read_back_from_its_record_is_the_same() {
        let event = accept("{\"url\":\"/caf\u{e9}\\u0000\",\"host\":\"h\",\"n\":[1,null]}").unwrap();
        assert_eq!(event.url(), Some("/caf\u{e9}\u{fffd}"));
        let read = Draft::parse(&event.to_record()).unwrap().recorded(Timestamp::default(), &place(0)).unwrap();
        assert_eq!(read, event);
    }

    #[test]
    fn a_record_of_another_producer_may_lack_every_field() {
        let record = r#"{"url":null,"ip":"not an address","referrer":""}"#;
        let read = |offset| Draft::parse(record.as_bytes()).unwrap().recorded(now(), &place(offset)).unwrap();
        assert_eq!(read(1), read(1));
        assert_ne!(read(1).id, read(2).id);
        assert_eq!(read(1).event_time.to_string(), "2026-01-31T09:30:00.123Z");
        assert_eq!(read(1).ip(), Some("not an address"));
    }
}
