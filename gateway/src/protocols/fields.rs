//! An event under the names that all protocols share.

use std::net::Ipv4Addr;

use event::{Draft, EventId, Timestamp};
use serde_json::{Map, Value};
use url::Url;

use crate::verdict::Fault;

/// Names that have a meaning or a column of their own: what a sender means by them may be something else.
const TAKEN: [&str; 33] = [
    "browser",
    "browser_version",
    "channel",
    "click_id",
    "device",
    "event_id",
    "event_name",
    "event_time",
    "headers",
    "host",
    "ip",
    "is_bot",
    "language",
    "os",
    "os_version",
    "path",
    "props",
    "query",
    "received_at",
    "referrer",
    "referrer_host",
    "screen",
    "session_id",
    "site",
    "title",
    "url",
    "user_agent",
    "user_id",
    "utm_campaign",
    "utm_content",
    "utm_medium",
    "utm_source",
    "visitor_id",
];

/// The fields of an event in the making.
#[derive(Debug, Default)]
pub struct Fields(Map<String, Value>);

impl Fields {
    /// Sets a field, unless there is nothing to set.
    pub fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    /// Sets the page's address and its host, which is read from the address when the sender does not give it.
    pub fn page(&mut self, url: Option<String>, host: Option<String>) {
        self.set("host", host.or_else(|| url.as_deref().and_then(host_of)));
        self.set("url", url);
    }

    /// Sets that no address of the visitor's is recorded, nor the sender's in its place.
    pub fn withhold_address(&mut self) {
        self.set("ip", Some(Ipv4Addr::UNSPECIFIED.to_string()));
    }

    /// Sets when it happened.
    pub fn time(&mut self, time: Option<Timestamp>) {
        self.set("event_time", time.map(|time| time.to_string()));
    }

    /// Sets the identity: the sender's, or when that is no UUID one made of it and of `time`, so that an event that is
    /// sent again is known by it. Whether it had to be made.
    pub fn identity(&mut self, protocol: &str, id: Option<&str>, time: Option<Timestamp>) -> bool {
        let Some(id) = id else { return false };
        let given = EventId::parse(id);
        let made = || EventId::derived(time.unwrap_or_default(), [protocol, "\n", id].concat().as_bytes());
        self.set("event_id", Some(given.unwrap_or_else(made).to_string()));
        given.is_none()
    }

    /// Sets what the event's own properties are, unless there are none.
    pub fn props(&mut self, props: Map<String, Value>) {
        self.set("props", Some(without_nulls(props)).filter(|props| !props.is_empty()));
    }

    /// Keeps what else a sender tells: under its own names, and those that are taken after the protocol's.
    pub fn keep(&mut self, protocol: &str, rest: Map<String, Value>) {
        for (name, value) in without_nulls(rest) {
            let value = if let Value::Object(members) = value { without_nulls(members).into() } else { value };
            let is_taken = TAKEN.contains(&name.as_str()) || self.0.contains_key(&name);
            let name = if is_taken { [protocol, "_", &name].concat() } else { name };
            self.0.insert(name, value);
        }
    }

    /// The finished draft.
    ///
    /// # Errors
    /// When it is nested too deeply.
    pub fn draft(self) -> Result<Draft, Fault> {
        Ok(Draft::from_object(self.0)?)
    }
}

/// The host of a page's address, when that is absolute.
pub fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().filter(|host| !host.is_empty()).map(str::to_owned)
}

/// Some trackers send dozens of properties that are not set.
fn without_nulls(mut object: Map<String, Value>) -> Map<String, Value> {
    object.retain(|_, value| !value.is_null());
    object
}

/// Width and height as one text, when both are known.
pub fn resolution(width: Option<String>, height: Option<String>) -> Option<String> {
    Some([width?, height?].join("x"))
}

/// A number that was sent as text, if it is one.
pub fn number(text: String) -> Value {
    event::json_number(&text).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_host_is_the_senders_or_read_from_the_address() {
        for (url, host, found) in [
            (Some("https://Site.test:9000/a"), None, Some("site.test")),
            (Some("https://site.test/a"), Some("other.test"), Some("other.test")),
            (Some("/a"), None, None),
            (Some("file:///a"), None, None),
            (None, None, None),
        ] {
            let mut fields = Fields::default();
            fields.page(url.map(str::to_owned), host.map(str::to_owned));
            assert_eq!(fields.0.get("host").and_then(Value::as_str), found, "{url:?}");
        }
    }

    #[test]
    fn what_else_is_told_keeps_its_name_unless_that_is_taken() {
        let mut fields = Fields::default();
        fields.set("tv", Some("1"));
        let Value::Object(rest) = json!({"tv": 2, "browser": "x", "new": null, "cs": {"a": null}}) else {
            unreachable!()
        };
        fields.keep("sp", rest);
        assert_eq!(Value::Object(fields.0), json!({"tv": "1", "sp_tv": 2, "sp_browser": "x", "cs": {}}));
    }

    #[test]
    fn the_same_id_of_a_sender_always_makes_the_same_event_id() {
        let made = |protocol, id, time| {
            let mut fields = Fields::default();
            let is_made = fields.identity(protocol, Some(id), time);
            (fields.0["event_id"].as_str().unwrap().to_owned(), is_made)
        };
        let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(made("a", uuid, None), (uuid.to_owned(), false));
        assert_eq!(made("a", "m1", None), made("a", "m1", None));
        assert!(made("a", "m1", None).1);
        assert_ne!(made("a", "m1", None), made("a", "m2", None));
        assert_ne!(made("a", "m1", None), made("b", "m1", None));
    }
}
