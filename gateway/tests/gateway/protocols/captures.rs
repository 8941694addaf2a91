//! Every captured request becomes the events that it should, and gets the answer that its tracker waits for.

use std::collections::BTreeMap;

use event::{EventId, Timestamp};
use gateway::{Config, Site};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::sent;
use crate::support::{Answer, Server};

/// A transparent GIF of one pixel.
const PIXEL: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// What becomes of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: u16,
    content_type: Option<String>,
    /// The body; `a pixel` stands for that.
    answer: String,
    /// Records without what is null and without `received_at`. For `event_id`, `new` stands for one that we made at random;
    /// for `event_time`, `received_at - 5 ms` for one by our clock; for `ip`, `as sent` for one of the request's.
    events: Vec<Map<String, Value>>,
}

#[tokio::test]
async fn every_captured_preflight_lets_its_request_through_with_credentials() {
    let site = Site {
        name: "site".to_owned(),
        allowed_origins: vec!["http://site.test:9000".parse().unwrap()],
        ..Site::default()
    };
    let server = Server::start(Config { sites: vec![site], ..Config::default() }).await;
    let captures = sent::captures();
    let preflights: Vec<_> = captures.iter().filter(|sent| sent.is_preflight()).collect();
    assert_eq!(preflights.len(), 4);
    for sent in preflights {
        let answer = server.send(sent.bytes()).await;
        let asked = |name: &str| sent.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        assert_eq!(answer.status, 200, "{}", sent.label);
        for (name, value) in [
            ("access-control-allow-origin", asked("origin")),
            ("access-control-allow-headers", asked("access-control-request-headers")),
            ("access-control-allow-credentials", Some("true")),
        ] {
            assert_eq!(answer.header(name), value, "{}: {name}", sent.label);
        }
    }
}

#[tokio::test]
async fn every_captured_request_becomes_its_events_and_gets_its_answer() {
    let mut expected: BTreeMap<String, Expected> =
        serde_json::from_str(include_str!("../../protocols/expected.json")).unwrap();
    for sent in sent::all().iter().filter(|sent| !sent.is_preflight()) {
        let server = Server::start(Config::default()).await;
        let answer = server.send(sent.bytes()).await;
        let wanted = expected.remove(&sent.label).unwrap_or_else(|| panic!("nothing is expected of {:?}", sent.label));
        let given = (answer.status, answer.header("content-type"), shown_body(&answer));
        assert_eq!(given, (wanted.status, wanted.content_type.as_deref(), wanted.answer), "{}", sent.label);
        assert_eq!(answer.header("set-cookie"), None, "{}", sent.label);
        let events = server.log.events();
        assert_eq!(events.len(), wanted.events.len(), "{}", sent.label);
        for (event, wanted) in events.iter().zip(&wanted.events) {
            let mut shown = shown_like(wanted, event);
            if wanted.get("ip").is_some_and(|ip| ip == "as sent") {
                let ip = shown.insert("ip".to_owned(), "as sent".into()).unwrap();
                assert!(String::from_utf8_lossy(&sent.body).contains(&ip.to_string()), "{}: {ip}", sent.label);
            }
            assert_eq!(Value::Object(shown), Value::Object(wanted.clone()), "{}", sent.label);
        }
    }
    assert!(expected.is_empty(), "expected of requests that are not there: {:?}", expected.keys());
}

fn shown_body(answer: &Answer) -> String {
    if answer.body == PIXEL { "a pixel".to_owned() } else { answer.text() }
}

/// An event's record as an expectation shows it.
fn shown_like(wanted: &Map<String, Value>, event: &Value) -> Map<String, Value> {
    let mut shown = event.as_object().unwrap().clone();
    let received_at = time(&shown.remove("received_at").unwrap());
    shown.retain(|_, value| !value.is_null());
    if wanted["event_id"] == "new" {
        assert!(EventId::parse(shown["event_id"].as_str().unwrap()).is_some());
        shown.insert("event_id".to_owned(), "new".into());
    }
    if wanted["event_time"].as_str().unwrap().starts_with("received_at") {
        let millis = received_at.millis() - time(&shown["event_time"]).millis();
        let text = if millis == 0 { "received_at".to_owned() } else { format!("received_at - {millis} ms") };
        shown.insert("event_time".to_owned(), text.into());
    }
    shown
}

fn time(value: &Value) -> Timestamp {
    Timestamp::parse(value.as_str().unwrap()).unwrap()
}
