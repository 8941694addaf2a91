//! What trackers are told when something is wrong: so that they send again what may yet be taken, and nothing else.

use eventlog::LogError;
use gateway::{Config, Rate};
use serde_json::json;

use crate::support::{Answer, Server};

const SNOWPLOW: &str = "/com.snowplowanalytics.snowplow/tp2";

/// An address of each protocol, a body with one good event, and the status of its answer.
fn good() -> [(&'static str, String, u16); 8] {
    [
        ("/api/event", json!({"n": "pageview", "u": "https://site.test/", "d": "site.test"}).to_string(), 202),
        ("/api/send", json!({"type": "event", "payload": {"website": "1", "url": "/"}}).to_string(), 200),
        ("/v1/p", json!({"type": "page", "properties": {"url": "https://site.test/"}}).to_string(), 200),
        (SNOWPLOW, json!({"data": [{"e": "pv", "url": "https://site.test/"}]}).to_string(), 200),
        ("/matomo.php", "idsite=1&url=https%3A%2F%2Fsite.test%2F".to_owned(), 200),
        ("/e/", json!({"event": "$pageview", "properties": {"$current_url": "https://site.test/"}}).to_string(), 200),
        ("/mp/collect", json!({"client_id": "1", "events": [{"name": "login"}]}).to_string(), 204),
        ("/g/collect?tid=G-1&en=login", String::new(), 204),
    ]
}

async fn post(server: &Server, target: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let head = format!("POST {target} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n", body.len());
    server.send([head.as_bytes(), body].concat()).await
}

#[tokio::test]
async fn every_tracker_is_asked_to_come_again_while_events_cannot_be_recorded() {
    let server = Server::start(Config::default()).await;
    for (target, body, status) in good() {
        server.log.fail_with(Some(|| LogError::Unavailable { reason: String::new() }));
        let refused = post(&server, target, &body).await;
        refused.assert_problem(503, "cannot be recorded");
        assert!(refused.header("retry-after").is_some(), "{target}");
        server.log.fail_with(None);
        assert_eq!(post(&server, target, &body).await.status, status, "{target}");
    }
    assert_eq!(server.log.records().len(), good().len());
}

/// posthog-js gives up after a 429.
#[tokio::test]
async fn a_tracker_that_sends_too_much_gets_a_status_after_which_it_tries_again() {
    for (target, body, status) in good() {
        let slow = Rate { events_per_second: 1, burst_events: 1 };
        let config = Config { trusted_senders: Vec::new(), address_rate: slow, ..Config::default() };
        let server = Server::start(config).await;
        assert_eq!(post(&server, target, &body).await.status, status, "{target}");
        // A token comes back each second: on a busy machine more than one request finds one.
        let mut refused = post(&server, target, &body).await;
        for _ in 0..100 {
            if refused.status != status {
                break;
            }
            refused = post(&server, target, &body).await;
        }
        refused.assert_problem(if target == "/e/" { 503 } else { 429 }, "too many events");
        assert_eq!(refused.header("retry-after"), Some("1"), "{target}");
    }
}

/// Snowplow's trackers send a batch again after a 413 or a 415, and all later events wait behind it; posthog-node halves
/// its batches after a 413.
#[tokio::test]
async fn what_can_never_be_taken_gets_a_status_after_which_the_tracker_gives_up() {
    let server = Server::start(Config { max_event_bytes: 500, max_body_bytes: 1_000, ..Config::default() }).await;
    for (target, status) in [("/v1/b", 413), ("/batch/", 413), (SNOWPLOW, 400)] {
        post(&server, target, vec![b' '; 2_000]).await.assert_problem(status, "1000 bytes");
    }
    let head =
        |target| format!("POST {target} HTTP/1.1\r\nHost: t\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n");
    server.send(head(SNOWPLOW)).await.assert_problem(400, "Content-Encoding");
    server.send(head("/v1/b")).await.assert_problem(415, "Content-Encoding");
    let large = json!({"data": [{"e": "pv", "url": "https://site.test/", "page": "a".repeat(600)}]}).to_string();
    post(&server, SNOWPLOW, large).await.assert_problem(400, "500 bytes");
}

/// A tracker would send the good events of a batch again, and again, were it told that some are bad.
#[tokio::test]
async fn a_batch_with_a_bad_event_is_a_success_for_the_good_ones() {
    let batch = |target: &str, good: &str, bad: &str| match target {
        "/v1/b" => format!(r#"{{"batch":[{good},{bad}]}}"#),
        SNOWPLOW => format!(r#"{{"data":[{bad},{good}]}}"#),
        "/matomo.php" => format!(r#"{{"requests":[{good},{bad}]}}"#),
        "/e/" | "/api/batch" => format!("[{good},{bad}]"),
        "/batch/" => format!(r#"{{"api_key":"k","batch":[{good},{bad}]}}"#),
        _ => format!(r#"{{"events":[{bad},{good}]}}"#),
    };
    for (target, good, status, answer) in [
        ("/v1/b", r#"{"type":"track","event":"a"}"#, 200, r#"{"success":true}"#),
        (SNOWPLOW, r#"{"e":"pp"}"#, 200, "ok"),
        ("/matomo.php", r#""?idsite=1&url=/a""#, 200, r#"{"invalid":1,"status":"success","tracked":1}"#),
        ("/e/", r#"{"event":"a"}"#, 200, r#"{"status":1}"#),
        ("/batch/", r#"{"event":"a"}"#, 200, r#"{"status":1}"#),
        ("/api/batch", r#"{"type":"identify","payload":{}}"#, 200, r#""errors":1,"processed":1,"size":2}"#),
        ("/mp/collect", r#"{"name":"a"}"#, 204, ""),
    ] {
        let server = Server::start(Config::default()).await;
        for bad in ["7", "{}", "null", "[[[]]]"] {
            let given = post(&server, target, batch(target, good, bad)).await;
            assert_eq!(given.status, status, "{target} {bad}: {}", given.text());
            assert!(given.text().ends_with(answer), "{target} {bad}: {}", given.text());
        }
        assert_eq!(server.log.records().len(), 4, "{target}");
        let (one, two) = (batch(target, "7", "{}"), batch(target, "[]", "null"));
        for bad in [one, two] {
            post(&server, target, bad).await.assert_problem(400, "none of the 2 events");
        }
    }
}

#[tokio::test]
async fn a_batch_of_nothing_is_a_success_and_more_than_is_allowed_is_not() {
    let server = Server::start(Config { max_events: 3, ..Config::default() }).await;
    for (target, name, event, status) in [
        ("/v1/batch", "batch", r#"{"type":"identify"}"#, 413),
        (SNOWPLOW, "data", r#"{"e":"pp"}"#, 400),
        ("/matomo.php", "requests", r#""?idsite=1&ping=1""#, 413),
        ("/batch/", "batch", r#"{"event":"a"}"#, 413),
        ("/mp/collect", "events", r#"{"name":"a"}"#, 413),
    ] {
        let body = |count: usize| format!(r#"{{"{name}":[{}]}}"#, vec![event; count].join(","));
        for count in [0, 3] {
            assert!(post(&server, target, body(count)).await.status < 300, "{target} {count}");
        }
        post(&server, target, body(4)).await.assert_problem(status, "more than 3 events");
    }
    assert_eq!(server.log.records().len(), 5 * 3);
    post(&server, "/g/collect?en=a", "a=1\nb=1\nc=1\nd=1").await.assert_problem(413, "more than 3 events");
}

#[tokio::test]
async fn a_fault_names_the_field_as_the_tracker_does() {
    let server = Server::start(Config::default()).await;
    for (target, body, fault) in [
        ("/api/event", r#"{"u":"https://site.test/"}"#, "n is missing"),
        ("/api/event", r#"{"n":"pageview"}"#, "u is missing"),
        ("/api/event", r#"{"n":"a","u":{}}"#, "u must be text"),
        ("/api/event", r#"{"n":"a","u":"/","p":"{"}"#, "p must be JSON"),
        ("/api/event", "[]", "not a JSON object"),
        ("/api/send", r#"{"type":"event","payload":[]}"#, "payload must be an object"),
        ("/api/send", r#"{"payload":{}}"#, "type is missing"),
        ("/v1/track", r#"{"userId":"u"}"#, "event is missing"),
        ("/v1/batch", r#"{"userId":"u"}"#, "type is missing"),
        ("/v1/t", r#"{"event":"a","context":{"page":{"url":[]}}}"#, "context.page.url must be text"),
        ("/v1/p", r#"{"type":"page"}"#, "url is missing"),
        ("/v1/b", "x", "not a JSON object"),
        ("/v1/b", r#"{"batch":[{}"#, "not a JSON object"),
        (SNOWPLOW, r#"{"schema":"x"}"#, "missing field `data`"),
        (SNOWPLOW, r#"{"data":[{}]}"#, "e is missing"),
        (SNOWPLOW, r#"{"data":[{"e":"se"}]}"#, "se_ac is missing"),
        (SNOWPLOW, r#"{"data":[{"e":"ue","ue_px":"!"}]}"#, "ue_px must be base64"),
        (SNOWPLOW, r#"{"data":[{"e":"ue","ue_pr":"{}"}]}"#, "ue_pr must hold a schema and data"),
        (SNOWPLOW, r#"{"data":[{"e":"pp","cx":"e30"}]}"#, "cx must hold a schema and data"),
        ("/matomo.php", "url=https%3A%2F%2Fsite.test%2F", "idsite is missing"),
        ("/matomo.php", "idsite=1", "url is missing"),
        ("/e/", r#"{"properties":{}}"#, "event is missing"),
        ("/e/", "data=%ff%fe", "not a JSON object"),
        ("/e/", "data=", "not a JSON object"),
        ("/e/", "\x1f\u{8b}", "not a JSON object"),
        ("/e/", r#"{"event":"a","properties":7}"#, "properties must be an object"),
        ("/mp/collect", r#"{"events":[{}]}"#, "name is missing"),
        ("/g/collect", "dl=x", "en is missing"),
    ] {
        post(&server, target, body).await.assert_problem(400, fault);
    }
    let gzipped = [0x1f, 0x8b, 8, 0, 0];
    post(&server, "/e/", gzipped).await.assert_problem(400, "cannot be decompressed");
    assert_eq!(server.log.appends(), 0);
}
