//! What trackers may send that costs an event nothing, or not more than its time.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use event::read_json;
use gateway::Config;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use crate::support::{Answer, Server, total};

const SNOWPLOW: &str = "/com.snowplowanalytics.snowplow/tp2";

async fn post(server: &Server, target: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let head = format!("POST {target} HTTP/1.1\r\nHost: t\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    server.send([head.as_bytes(), body].concat()).await
}

/// The event of a request that tells one.
async fn recorded(server: &Server, target: &str, headers: &str, body: impl AsRef<[u8]>) -> Value {
    let before = server.log.records().len();
    let answer = post(server, target, headers, body).await;
    assert!((200..300).contains(&answer.status), "{target}: {} {}", answer.status, answer.text());
    let mut records = server.log.records();
    assert_eq!(records.len(), before + 1, "{target}");
    read_json(&records.pop().unwrap().payload).unwrap()
}

/// JSON.stringify writes half a surrogate pair for a text that is cut inside of a character.
#[tokio::test]
async fn half_a_character_costs_no_event_in_any_protocol() {
    let server = Server::start(Config::default()).await;
    let posthog = r#"{"event":"a","properties":{"title":"Sale \ud83d"}}"#;
    let described = r#"{"schema":"iglu:a/b/jsonschema/1-0-0","data":{"schema":"s","data":{"title":"Sale \ud83d"}}}"#;
    let query = url::form_urlencoded::byte_serialize(br#"{"title":"Sale \ud83d"}"#).collect::<String>();
    for (target, body, at) in [
        ("/v1/events", r#"{"url":"https://e.org/a","title":"Sale \ud83d"}"#.to_owned(), "/title"),
        ("/v1/events", r#"[{"url":"/a","props":{"title":["Sale \ud83d"]}}]"#.to_owned(), "/props/title/0"),
        ("/api/event", r#"{"n":"pageview","u":"/a","p":{"title":"Sale \ud83d"}}"#.to_owned(), "/props/title"),
        ("/api/event", r#"{"n":"a","u":"/a","p":"{\"title\":\"Sale \\ud83d\"}"}"#.to_owned(), "/props/title"),
        (
            "/api/send",
            r#"{"type":"event","payload":{"website":"1","url":"/","title":"Sale \ud83d"}}"#.to_owned(),
            "/title",
        ),
        ("/v1/t", r#"{"event":"a","context":{"page":{"title":"Sale \ud83d"}}}"#.to_owned(), "/title"),
        (
            "/v1/b",
            r#"{"batch":[{"type":"track","event":"a"}],"context":{"page":{"title":"Sale \ud83d"}}}"#.to_owned(),
            "/title",
        ),
        (SNOWPLOW, r#"{"data":[{"e":"pv","url":"/a","page":"Sale \ud83d"}]}"#.to_owned(), "/title"),
        (
            SNOWPLOW,
            json!({"data": [{"e": "ue", "ue_px": BASE64_STANDARD.encode(described)}]}).to_string(),
            "/props/title",
        ),
        ("/matomo.php", r#"{"requests":[{"idsite":1,"url":"/a","action_name":"Sale \ud83d"}]}"#.to_owned(), "/title"),
        ("/matomo.php", r#"{"requests":["?idsite=1&url=/&action_name=Sale \ud83d"]}"#.to_owned(), "/title"),
        ("/e/", posthog.to_owned(), "/title"),
        ("/e/", format!("data={}", BASE64_STANDARD.encode(posthog).replace('+', "%2B")), "/title"),
        ("/batch/", format!(r#"{{"api_key":"k","batch":[{posthog}]}}"#), "/title"),
        ("/mp/collect", r#"{"events":[{"name":"a","params":{"page_title":"Sale \ud83d"}}]}"#.to_owned(), "/title"),
        (
            "/mp/collect",
            r#"{"events":[{"name":"a"}],"user_properties":{"title":{"value":"Sale \ud83d"}}}"#.to_owned(),
            "/user_properties/title/value",
        ),
    ] {
        let event = recorded(&server, target, "", &body).await;
        assert_eq!(event.pointer(at), Some(&json!("Sale \u{fffd}")), "{target} {body}: {event}");
    }
    let lines = "{\"url\":\"/1\",\"title\":\"\\ud83d\"}\n{\"url\":\"/2\",\"a\\ude00\":1}\n";
    assert_eq!(post(&server, "/v1/events", "", lines).await.json()["accepted"], 2);
    let image = format!("GET /pixel.gif?url=/a&props={query} HTTP/1.1\r\nHost: t\r\n\r\n");
    assert_eq!(server.send(image).await.status, 200);
    assert_eq!(server.log.events().pop().unwrap()["props"]["title"], "Sale \u{fffd}");
}

#[tokio::test]
async fn numbers_keep_their_digits_in_every_protocol() {
    let server = Server::start(Config::default()).await;
    let digits = "12345678901234567890123";
    for (target, body, kept) in [
        ("/v1/events", r#"{"url":"/a","oid":@}"#, r#""oid":@"#),
        ("/v1/events", r#"{"url":"/a","props":{"oid":[@]}}"#, r#""oid":[@]"#),
        ("/api/event", r#"{"n":"a","u":"/a","p":{"oid":@}}"#, r#""oid":@"#),
        ("/api/send", r#"{"type":"event","payload":{"url":"/","website":"1","data":{"oid":@}}}"#, r#""oid":@"#),
        ("/v1/t", r#"{"event":"a","properties":{"oid":@},"userId":@}"#, r#""user_id":"@""#),
        ("/v1/t", r#"{"event":"a","properties":{"oid":@},"userId":@}"#, r#""oid":@"#),
        (SNOWPLOW, r#"{"data":[{"e":"se","se_ac":"a","se_va":"@"}]}"#, r#""value":@"#),
        ("/e/", r#"{"event":"a","properties":{"oid":@}}"#, r#""oid":@"#),
        ("/mp/collect", r#"{"events":[{"name":"a","params":{"oid":@}}]}"#, r#""oid":@"#),
    ] {
        let (body, kept) = (body.replace('@', digits), kept.replace('@', digits));
        assert!(post(&server, target, "", &body).await.status < 300, "{target} {body}");
        let record = server.log.records().pop().unwrap().payload;
        let record = std::str::from_utf8(&record).unwrap();
        assert!(record.contains(&kept), "{target}: {record}");
    }
}

#[tokio::test]
async fn a_time_that_cannot_be_read_costs_a_trackers_event_its_time_and_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::start(Config::default()).await;
    for (target, event, field) in [
        ("/api/send", r#"{"type":"event","payload":{"website":"1","url":"/","timestamp":@}}"#, "timestamp"),
        ("/v1/t", r#"{"event":"a","originalTimestamp":@}"#, "originalTimestamp"),
        ("/v1/b", r#"{"batch":[{"type":"track","event":"a","sentAt":@}]}"#, "sentAt"),
        (SNOWPLOW, r#"{"data":[{"e":"pp","dtm":@}]}"#, "dtm"),
        (SNOWPLOW, r#"{"data":[{"e":"pp","ttm":@}]}"#, "ttm"),
        ("/e/", r#"{"event":"a","timestamp":@}"#, "timestamp"),
        ("/batch/", r#"{"api_key":"k","batch":[{"event":"a","sent_at":@}]}"#, "sent_at"),
        ("/mp/collect", r#"{"timestamp_micros":@,"events":[{"name":"a"}]}"#, "timestamp_micros"),
        ("/matomo.php", r#"{"requests":[{"idsite":1,"url":"/a","cdt":@}]}"#, "cdt"),
        ("/matomo.php", r#"{"requests":[{"idsite":1,"url":"/a","cdo":@}]}"#, "cdo"),
    ] {
        let count = || total(&metrics, "pageberg_unreadable_times_total", &format!("field=\"{field}\""));
        let before = count();
        for bad in [r#""noon""#, r#""1969-12-31T23:59:59Z""#, "true"] {
            let event = recorded(&server, target, "", event.replace('@', bad)).await;
            assert_eq!(event["event_time"], event["received_at"], "{target} {field} {bad}");
        }
        if field != "cdo" {
            recorded(&server, target, "", event.replace('@', r#"{"date":"2026-01-31"}"#)).await;
            assert_eq!(count(), before + 4.0, "{field}");
        }
        let event = recorded(&server, target, "", event.replace('@', r#""""#)).await;
        assert_eq!(event["event_time"], event["received_at"], "{target} {field}");
    }
    let kept = recorded(&server, "/e/", "", r#"{"event":"a","timestamp":"noon"}"#).await;
    assert_eq!(kept["timestamp"], "noon", "what was sent is still there");
    assert_eq!(total(&metrics, "pageberg_events_total", "rejected"), 0.0);
}

/// Each tracker's own unit is one of those that a number's size tells.
#[tokio::test]
async fn trackers_times_are_read_by_one_rule() {
    let server = Server::start(Config::default()).await;
    for (target, body) in [
        ("/api/send", r#"{"type":"event","payload":{"website":"1","url":"/","timestamp":@}}"#),
        ("/v1/t", r#"{"event":"a","timestamp":@}"#),
        (SNOWPLOW, r#"{"data":[{"e":"pp","ttm":@}]}"#),
        ("/e/", r#"{"event":"a","timestamp":@}"#),
        ("/mp/collect", r#"{"events":[{"name":"a","timestamp_micros":@}]}"#),
        ("/matomo.php", r#"{"requests":[{"idsite":1,"url":"/a","cdt":@}]}"#),
        ("/v1/events", r#"{"url":"/a","event_time":@}"#),
    ] {
        for time in [
            "1769851800",
            "1769851800000",
            "1769851800000000",
            r#""1769851800""#,
            r#""2026-01-31T09:30Z""#,
            r#""2026-01-31T10:30:00+0100""#,
            r#""2026-01-31 09:30:00,000""#,
            r#""Sat, 31 Jan 2026 09:30:00 GMT""#,
        ] {
            let event = recorded(&server, target, "", body.replace('@', time)).await;
            assert_eq!(event["event_time"], "2026-01-31T09:30:00.000Z", "{target} {time}");
        }
    }
    let refused = post(&server, "/v1/events", "", r#"{"url":"/a","event_time":"noon"}"#).await;
    refused.assert_problem(400, "event_time must be an ISO 8601 time such as 2026-01-31T09:30:00.000Z");
}
