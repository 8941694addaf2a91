//! Who sent an event, and what it may say of its visitor.

use event::Timestamp;
use gateway::{Config, Network, Site};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use crate::support::{Server, post_with, total};

fn networks(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// This machine is a visitor like any other.
fn untrusting() -> Config {
    Config { trusted_senders: Vec::new(), ..Config::default() }
}

async fn recorded(server: &Server, headers: &str, event: &str) -> Value {
    let answer = server.send(post_with(headers, event)).await;
    assert_eq!(answer.status, 200, "{headers}: {}", answer.text());
    server.log.events().pop().unwrap()
}

#[tokio::test]
async fn a_spoofed_address_from_a_peer_that_is_no_proxy_changes_nothing() {
    for config in
        [untrusting(), Config::default(), Config { trusted_proxies: networks(&["10.0.0.0/8"]), ..Config::default() }]
    {
        let server = Server::start(config).await;
        for header in
            ["X-Forwarded-For: 8.8.8.8", "Forwarded: for=8.8.8.8", "CF-Connecting-IP: 8.8.8.8", "X-Real-IP: 8.8.8.8"]
        {
            let event = recorded(&server, &format!("{header}\r\n"), r#"{"url":"/"}"#).await;
            assert_eq!(event["ip"], "127.0.0.1", "{header}");
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_client_in_the_configured_header() {
    let proxied = |header: &str| Config {
        trusted_proxies: networks(&["127.0.0.1", "10.0.0.0/8"]),
        client_ip_header: header.to_owned(),
        ..Config::default()
    };
    for (configured, headers, ip) in [
        ("X-Forwarded-For", "X-Forwarded-For: 8.8.8.8, 192.0.2.7\r\nX-Forwarded-For: 10.0.0.2\r\n", "192.0.2.7"),
        ("X-Forwarded-For", "X-Forwarded-For: 192.0.2.7\r\nForwarded: for=8.8.8.8\r\n", "192.0.2.7"),
        ("forwarded", "Forwarded: for=8.8.8.8, for=\"[2001:db8::7]:80\"\r\n", "2001:db8::7"),
        ("CF-Connecting-IP", "CF-Connecting-IP: 192.0.2.7\r\nX-Forwarded-For: 8.8.8.8\r\n", "192.0.2.7"),
        ("X-Forwarded-For", "", "127.0.0.1"),
        ("CloudFront-Viewer-Address", "CloudFront-Viewer-Address: 2600:300:f:abcd::9:9985\r\n", "2600:300:f:abcd::9"),
        ("cloudfront-viewer-address", "CloudFront-Viewer-Address: 192.0.2.7:46532\r\n", "192.0.2.7"),
    ] {
        let server = Server::start(proxied(configured)).await;
        let event = recorded(&server, headers, r#"{"url":"/","ip":"9.9.9.9"}"#).await;
        assert_eq!(event["ip"], ip, "{configured}: {headers}");
    }
}

#[tokio::test]
async fn what_an_untrusted_body_says_of_address_and_browser_is_ignored_and_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let claims = r#"{"url":"/","ip":"8.8.8.8","user_agent":"Claimed/1","event_time":"2015-05-17T10:05:03Z"}"#;
    let server = Server::start(untrusting()).await;
    let event = recorded(&server, "User-Agent: Own/1\r\n", claims).await;
    assert_eq!((&event["ip"], &event["user_agent"]), (&"127.0.0.1".into(), &"Own/1".into()));
    assert_eq!(event["event_time"], event["received_at"]);
    for field in ["ip", "user_agent", "event_time"] {
        assert_eq!(total(&metrics, "pageberg_ignored_fields_total", field), 1.0, "{field}");
    }
    let same = recorded(&server, "User-Agent: Own/1\r\n", r#"{"url":"/","ip":"not one","user_agent":"Own/1"}"#).await;
    assert_eq!((&same["ip"], &same["user_agent"]), (&"127.0.0.1".into(), &"Own/1".into()));
    assert_eq!(total(&metrics, "pageberg_ignored_fields_total", "user_agent"), 1.0);
    let forwarded = recorded(&Server::start(Config::default()).await, "X-Forwarded-For: 192.0.2.1\r\n", claims).await;
    assert_eq!(forwarded["ip"], "127.0.0.1", "an unknown proxy on this machine is not the sender");
    assert_eq!(total(&metrics, "pageberg_ignored_fields_total", "\"ip\""), 3.0);
}

#[tokio::test]
async fn trusted_senders_and_server_keys_speak_for_their_visitors() {
    let claims = r#"{"url":"/","ip":"8.8.8.8","user_agent":"Claimed/1","event_time":"2015-05-17T10:05:03Z"}"#;
    let site: Site =
        serde_json::from_value(json!({"name": "shop", "write_keys": ["wk"], "server_keys": ["secret"]})).unwrap();
    let keyed = Config { sites: vec![site], ..untrusting() };
    let behind = Config {
        trusted_proxies: networks(&["127.0.0.1"]),
        trusted_senders: networks(&["192.0.2.0/24"]),
        ..Config::default()
    };
    for (config, headers, believed) in [
        (Config::default(), "User-Agent: Server/1\r\n", true),
        (keyed.clone(), "Authorization: Bearer secret\r\nX-Forwarded-For: 192.0.2.1\r\n", true),
        (keyed, "X-Write-Key: wk\r\n", false),
        (behind.clone(), "X-Forwarded-For: 192.0.2.9\r\n", true),
        (behind.clone(), "X-Forwarded-For: 198.51.100.9\r\n", false),
        (behind.clone(), "X-Forwarded-For: 192.0.2.9, 198.51.100.9\r\n", false),
        (behind, "", false),
    ] {
        let event = recorded(&Server::start(config).await, headers, claims).await;
        assert_eq!(event["ip"] == "8.8.8.8", believed, "{headers}");
        assert_eq!(event["user_agent"] == "Claimed/1", believed, "{headers}");
        assert_eq!(event["event_time"] == "2015-05-17T10:05:03.000Z", believed, "{headers}");
    }
}

#[tokio::test]
async fn a_sender_that_must_be_believed_is_refused_when_it_is_not() {
    let event = r#"{"url":"/","ip":"8.8.8.8"}"#;
    let server = Server::start(untrusting()).await;
    let refused = server.send(post_with("Pageberg-Sender: trusted\r\n", event)).await;
    refused.assert_problem(403, "gives no server key of a site");
    assert_eq!(server.log.appends(), 0);
    let believed = recorded(&Server::start(Config::default()).await, "Pageberg-Sender: trusted\r\n", event).await;
    assert_eq!(believed["ip"], "8.8.8.8");
}

#[tokio::test]
async fn a_browser_s_user_agent_is_filled_in_and_a_server_s_is_not() {
    for (config, headers, user_agent) in [
        (Config::default(), "User-Agent: Firefox/1\r\nReferer: http://localhost/\r\n", json!("Firefox/1")),
        (Config::default(), "User-Agent: Firefox/1\r\nOrigin: http://localhost\r\n", json!("Firefox/1")),
        (Config::default(), "User-Agent: requests/2\r\n", Value::Null),
        (untrusting(), "User-Agent: curl/8\r\n", json!("curl/8")),
        (untrusting(), "", Value::Null),
    ] {
        let event = recorded(&Server::start(config).await, headers, r#"{"url":"/"}"#).await;
        assert_eq!(event["user_agent"], user_agent, "{headers}");
    }
}

/// RFC 9110, section 5.5: such bytes are opaque.
#[tokio::test]
async fn a_user_agent_of_any_bytes_is_read_as_far_as_it_is_text() {
    let server = Server::start(untrusting()).await;
    for (bytes, user_agent) in [
        (&b"caf\xc3\xa9/1"[..], "caf\u{e9}/1"),
        (b"caf\xe9/1 (\xff)", "caf\u{fffd}/1 (\u{fffd})"),
        (b"\x80", "\u{fffd}"),
    ] {
        let head = [&b"POST /v1/events HTTP/1.1\r\nHost: t\r\nUser-Agent: "[..], bytes].concat();
        let answer = server.send([&head, &b"\r\nContent-Length: 11\r\n\r\n{\"url\":\"/\"}"[..]].concat()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(server.log.events().pop().unwrap()["user_agent"], user_agent);
    }
}

#[tokio::test]
async fn an_untrusted_clock_is_believed_within_its_window() {
    let server = Server::start(Config { max_event_age_ms: 60_000, max_event_ahead_ms: 5_000, ..untrusting() }).await;
    for (offset_ms, believed) in [(-50_000, true), (-70_000, false), (3_000, true), (60_000, false)] {
        let time = Timestamp::from_micros(Timestamp::now().micros() + offset_ms * 1_000).unwrap().to_string();
        let event = recorded(&server, "", &format!(r#"{{"url":"/","event_time":"{time}"}}"#)).await;
        assert_eq!(event["event_time"] == time.as_str(), believed, "{offset_ms}");
        assert_eq!(event["event_time"] == event["received_at"], !believed, "{offset_ms}");
    }
}
