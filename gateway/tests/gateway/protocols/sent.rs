//! Requests of trackers as they were captured, one JSON object a line.
//!
//! To make captures.jsonl again, for example after an update of the trackers in tests/browser/package.json:
//!
//! ```sh
//! node tests/browser/capture.mjs "$(dev/browser.sh)" >gateway/tests/protocols/captures.jsonl
//! ```
//!
//! The script replaces the clock and all random numbers, so only what the trackers changed changes. expected.json names
//! the package, its version and the new values.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// A request and where it comes from: the mark before it and its number after that.
pub struct Sent {
    pub label: String,
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Sent {
    pub fn is_preflight(&self) -> bool {
        self.method == "OPTIONS"
    }

    /// Its bytes, with another body.
    pub fn with_body(&self, body: &[u8]) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: collector.test\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.with_body(&self.body)
    }
}

/// Captured by tests/browser/capture.mjs: of trackers in Chromium (`in Chromium`), and of packages for servers
/// (`in node`).
pub fn captures() -> Vec<Sent> {
    read(&protocols("captures.jsonl"))
}

/// Captured from packages under node (`, node`) or node with a page of jsdom (`, jsdom`), which sets no Origin; or written
/// by hand after a source, where there is no package.
pub fn requests() -> Vec<Sent> {
    read(&protocols("requests.jsonl"))
}

pub fn all() -> Vec<Sent> {
    captures().into_iter().chain(requests()).collect()
}

/// The request of this label.
pub fn named(label: &str) -> Sent {
    all().into_iter().find(|sent| sent.label == label).unwrap_or_else(|| panic!("there is no request {label:?}"))
}

fn protocols(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocols").join(file)
}

/// The requests of a file.
pub fn read(path: &Path) -> Vec<Sent> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut mark, mut number) = (String::new(), 0);
    let mut sent = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), index + 1));
        if let Some(text) = line["mark"].as_str() {
            (mark, number) = (text.to_owned(), 0);
            continue;
        }
        number += 1;
        sent.push(request(format!("{mark} #{number}"), &line));
    }
    sent
}

fn request(label: String, line: &Value) -> Sent {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = line["h"].as_object().unwrap();
    Sent {
        label,
        method: text(&line["m"]),
        target: text(&line["u"]),
        headers: headers.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        body: match line["base64"].as_str() {
            Some(encoded) => BASE64_STANDARD.decode(encoded).unwrap(),
            None => text(&line["body"]).into_bytes(),
        },
    }
}
