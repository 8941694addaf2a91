//! How long the fields of an event may be.

use event::Event;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::verdict::Fault;

/// Most characters of each field. An event with a longer one is refused, never cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldLimits {
    /// Of `url`.
    pub url_chars: usize,
    /// Of `referrer`.
    pub referrer_chars: usize,
    /// Of `host`.
    pub host_chars: usize,
    /// Of `user_agent`, as text or as JSON.
    pub user_agent_chars: usize,
    /// Of `headers`, as JSON.
    pub headers_chars: usize,
    /// Of any other key with its value: the texts and keys in it together, numbers and the like at one each.
    pub property_chars: usize,
}

impl Default for FieldLimits {
    fn default() -> Self {
        Self {
            url_chars: 8_192,
            referrer_chars: 8_192,
            host_chars: 255,
            user_agent_chars: 2_048,
            headers_chars: 16_384,
            property_chars: 65_536,
        }
    }
}

impl FieldLimits {
    /// Whether every field keeps to its limit.
    ///
    /// # Errors
    /// The first one that does not.
    pub fn check(&self, event: &Event) -> Result<(), Fault> {
        let texts = [
            ("url", event.url(), self.url_chars),
            ("referrer", event.referrer(), self.referrer_chars),
            ("host", event.host(), self.host_chars),
            ("user_agent", event.user_agent(), self.user_agent_chars),
            ("headers", event.headers(), self.headers_chars),
        ];
        let is_long = |text: Option<&str>, limit| text.is_some_and(|text| exceeds(text, limit));
        if let Some((name, _, limit)) = texts.into_iter().find(|(_, text, limit)| is_long(*text, *limit)) {
            return Err(Fault::too_long(name, limit));
        }
        let limit = self.property_chars;
        let mut properties = event.extra.iter();
        let long = properties.find(|(key, value)| chars(key) + chars_of(value) > limit);
        long.map_or(Ok(()), |(key, _)| Err(Fault::too_long(key, limit)))
    }
}

/// A text of no more bytes has no more characters either: most are not counted.
fn exceeds(text: &str, limit: usize) -> bool {
    text.len() > limit && chars(text) > limit
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

fn chars_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => chars(text),
        Value::Array(values) => values.iter().map(chars_of).sum(),
        Value::Object(members) => members.iter().map(|(key, value)| chars(key) + chars_of(value)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use event::{Draft, Timestamp};

    use super::*;
    use crate::verdict::FaultKind;

    #[test]
    fn a_field_over_its_limit_is_named_and_one_at_its_limit_passes() {
        let limits = FieldLimits {
            url_chars: 4,
            referrer_chars: 4,
            host_chars: 4,
            user_agent_chars: 9,
            headers_chars: 9,
            property_chars: 6,
        };
        for (json, field) in [
            ("{\"url\":\"/caf\",\"referrer\":\"\u{e9}\u{e9}\u{e9}\u{e9}\",\"host\":\"h\",\"plan\":\"ab\"}", None),
            (r#"{"url":"/cafe"}"#, Some("url")),
            ("{\"url\":\"/\",\"referrer\":\"\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\"}", Some("referrer")),
            (r#"{"url":"/","host":"h.com"}"#, Some("host")),
            (r#"{"url":"/","user_agent":"0123456789"}"#, Some("user_agent")),
            (r#"{"url":"/","headers":{"dnt":"1"}}"#, Some("headers")),
            (r#"{"url":"/","plan":"abc"}"#, Some("plan")),
            (r#"{"url":"/","a":{"bc":["d",1,null]}}"#, None),
            (r#"{"url":"/","a":{"bc":["d",1,null,true]}}"#, Some("a")),
            (r#"{"url":"/","a-long-key":1}"#, Some("a-long-key")),
        ] {
            let event = Draft::parse(json.as_bytes()).unwrap().accept(Timestamp::now(), [192, 0, 2, 1].into()).unwrap();
            let fault = limits.check(&event).err();
            assert_eq!(fault.as_ref().and_then(|fault| fault.field.as_deref()), field, "{json}");
            assert!(fault.is_none_or(|fault| fault.kind == FaultKind::TooLong && fault.reason.contains("characters")));
        }
    }
}
