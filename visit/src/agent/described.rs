//! User agents that another producer has read already and wrote as JSON.
//!
//! Families and versions are taken over as they stand: `family`, `major`, `minor`, `patch`, `os` and `device` of uap-core's
//! kind, or `browser` and `os` with `name` and `version`. Where the JSON holds the header's text, that is read.

use event::{Device, UserAgent};
use serde_json::{Map, Value};

use super::rules::RULES;
use super::{device, read_header, readable, version};

/// Where readers of user agents keep the text that they have read.
const HEADER_KEYS: [&str; 5] = ["ua", "source", "string", "user_agent", "userAgent"];

/// Reads JSON; `None` for anything else.
pub(super) fn read(text: &str) -> Option<UserAgent> {
    if !text.starts_with(['{', '"']) {
        return None;
    }
    Some(match serde_json::from_str(text).ok()? {
        Value::String(header) => read_text(&header),
        Value::Object(object) => match HEADER_KEYS.iter().find_map(|key| object.get(*key)?.as_str()) {
            Some(header) => read_text(header),
            None => take_over(&object),
        },
        _ => return None,
    })
}

fn read_text(header: &str) -> UserAgent {
    let header = header.replace('\0', "\u{fffd}");
    match readable(&header) {
        "" => UserAgent::default(),
        header => read_header(header),
    }
}

fn take_over(object: &Map<String, Value>) -> UserAgent {
    let part = |key| Part::of(object.get(key));
    let browser = Part::of(Some(&Value::Object(object.clone()))).or(part("browser"));
    let (os, appliance) = (part("os"), part("device"));
    let kind = object.get("device").and_then(|device| text(device.get("type")?));
    let words = [&browser.name, &os.name, &appliance.name, &kind].map(|word| word.as_deref().unwrap_or_default());
    if words.iter().all(|word| word.is_empty()) {
        return UserAgent::default();
    }
    let class = class(kind.as_deref(), &words.join("; "), os.name.as_deref());
    let header = format!("{}/{}", words[0], browser.version.as_deref().unwrap_or("0"));
    let is_bot = appliance.name.as_deref() == Some("Spider") || RULES.is_bot(&header, class);
    UserAgent {
        browser: browser.name,
        browser_version: browser.version,
        os: os.name,
        os_version: os.version,
        device: Some(if is_bot { Device::Bot } else { class }),
        is_bot,
    }
}

fn class(kind: Option<&str>, words: &str, os: Option<&str>) -> Device {
    match kind.unwrap_or_default() {
        "mobile" | "smartphone" => Device::Mobile,
        "tablet" => Device::Tablet,
        "smarttv" | "tv" => Device::Tv,
        "console" => Device::Console,
        "desktop" => Device::Desktop,
        _ => device::class(words, os),
    }
}

/// A named thing and its version.
#[derive(Default)]
struct Part {
    name: Option<String>,
    version: Option<String>,
}

impl Part {
    fn of(value: Option<&Value>) -> Self {
        let Some(Value::Object(object)) = value else {
            return Self { name: value.and_then(text), version: None };
        };
        let word = |key| object.get(key).and_then(text);
        let numbers = ["major", "minor", "patch"].map(word);
        let version = word("version").or_else(|| version(numbers.each_ref().map(Option::as_deref)));
        Self { name: word("family").or_else(|| word("name")), version }
    }

    fn or(self, other: Self) -> Self {
        if self.name.is_some() { self } else { other }
    }
}

/// A word or number; `None` for what readers of user agents write when they do not know.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.replace('\0', "\u{fffd}"),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let known = text.trim();
    (!matches!(known, "" | "Other" | "Unknown" | "unknown")).then(|| known.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::read_user_agent;

    /// Browser, version, system, version, class.
    fn summary(json: &str) -> String {
        let read = read_user_agent(json);
        let words = [read.browser, read.browser_version, read.os, read.os_version];
        let words = words.map(|word| word.unwrap_or_else(|| "?".to_owned()));
        format!("{} {}", words.join(" "), read.device.map_or("?", |device| device.as_str()))
    }

    #[test]
    fn what_another_reader_found_is_taken_over() {
        for (json, expected) in [
            (
                r#"{"family":"Chrome","major":"120","minor":"0","patch":"0","device":{"family":"Other","major":"0"},
                    "os":{"family":"Mac OS X","major":"10","minor":"15","patch":"7"}}"#,
                "Chrome 120.0.0 Mac OS X 10.15.7 desktop",
            ),
            (
                r#"{"family":"Chrome","major":120,"os":{"family":"Windows","major":10}}"#,
                "Chrome 120 Windows 10 desktop",
            ),
            (
                r#"{"family":"Chrome Mobile","os":{"family":"Android","major":"14"}}"#,
                "Chrome Mobile ? Android 14 mobile",
            ),
            (
                r#"{"family":"Mobile Safari","device":{"family":"iPad"},"os":{"family":"iOS"}}"#,
                "Mobile Safari ? iOS ? tablet",
            ),
            (
                r#"{"browser":{"name":"Chrome","version":"120.0.1"},"os":{"name":"Windows","version":"10"},"device":{}}"#,
                "Chrome 120.0.1 Windows 10 desktop",
            ),
            (
                r#"{"browser":{"name":"Safari"},"os":{"name":"iOS"},"device":{"type":"mobile"}}"#,
                "Safari ? iOS ? mobile",
            ),
            (r#"{"family":"Googlebot","major":"2","device":{"family":"Spider"}}"#, "Googlebot 2 ? ? bot"),
            (r#"{"family":"curl","major":"8"}"#, "curl 8 ? ? bot"),
            (
                r#"{"source":"Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0","isMobile":false}"#,
                "Firefox 140.0 Windows 10 desktop",
            ),
            (
                r#""Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0""#,
                "Firefox 140.0 Windows 10 desktop",
            ),
            (r#"{"family":"Other","os":{"family":"Other"},"device":{"family":"Other"}}"#, "? ? ? ? ?"),
            (r#"{"family":"a\u0000b"}"#, "a\u{fffd}b ? ? ? other"),
            ("{}", "? ? ? ? ?"),
            (r#"{"family":["Chrome"]}"#, "? ? ? ? ?"),
            (r#""""#, "? ? ? ? ?"),
            ("{broken", "? ? ? ? other"),
            ("", "? ? ? ? ?"),
            ("-", "? ? ? ? ?"),
        ] {
            assert_eq!(summary(json), expected, "{json}");
        }
    }
}
