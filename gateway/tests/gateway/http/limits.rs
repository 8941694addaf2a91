//! How many events may come.

use gateway::{Config, Rate, Site};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Answer, Server, post_with, total};

const EVENT: &str = r#"{"url":"/"}"#;
const TWO: &str = r#"[{"url":"/"},{"url":"/"}]"#;

/// A token comes back each second: no test runs until twenty have.
fn at_once(burst_events: u32) -> Rate {
    Rate { events_per_second: 1, burst_events }
}

fn assert_limited(answer: &Answer, policy: &str, burst: u32) {
    answer.assert_problem(429, "too many events come from this");
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=burst).contains(&wait), "{wait}");
    assert_eq!(answer.header("ratelimit"), Some(format!("\"{policy}\";r=0;t={wait}").as_str()));
    assert_eq!(answer.header("ratelimit-policy"), Some(format!("\"{policy}\";q={burst};w={burst}").as_str()));
}

#[tokio::test]
async fn an_address_that_sends_too_many_events_is_told_when_to_come_again() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let proxies = vec!["127.0.0.1".parse().unwrap()];
    let config = Config {
        trusted_proxies: proxies,
        trusted_senders: Vec::new(),
        address_rate: at_once(100),
        ..Config::default()
    };
    let server = Server::start(config).await;
    let from = |client: &str, body: &str| post_with(&format!("X-Forwarded-For: {client}\r\n"), body);
    let fifty = format!("[{}]", vec![EVENT; 50].join(","));
    for _ in 0..2 {
        assert_eq!(server.send(from("192.0.2.1", &fifty)).await.status, 200);
    }
    assert_limited(&server.send(from("192.0.2.1", &fifty)).await, "address", 100);
    assert_limited(&server.send(from("192.0.2.1", &fifty)).await, "address", 100);
    assert_eq!(server.send(from("192.0.2.2", &fifty)).await.status, 200, "others are not held back");
    assert_eq!(server.send(from("2001:db8::1", &fifty)).await.status, 200);
    assert_eq!(server.send(from("2001:db8::2", &fifty)).await.status, 200);
    assert_limited(&server.send(from("2001:db8::3", &fifty)).await, "address", 100);
    let over = format!("[{}]", vec![EVENT; 101].join(","));
    server
        .send(from("192.0.2.3", &over))
        .await
        .assert_problem(413, "more events than one address may send at once, 100");
    assert_eq!(total(&metrics, "pageberg_events_total", "accepted"), 250.0);
    assert_eq!(
        total(&metrics, "pageberg_refusals_total", "address_rate"),
        total(&metrics, "pageberg_events_total", "re")
    );
}

#[tokio::test]
async fn keys_cannot_be_guessed_faster_than_events_may_come() {
    let sites = vec![Site { name: "shop".to_owned(), ..Site::default() }];
    let config = Config { sites, trusted_senders: Vec::new(), address_rate: at_once(2), ..Config::default() };
    let server = Server::start(config).await;
    let begun = Instant::now();
    let guess = async || server.send(post_with("Authorization: Bearer guess\r\n", EVENT)).await.status;
    let mut guesses = 0;
    let refused = loop {
        match guess().await {
            401 if guesses < 100 => guesses += 1,
            status => break status,
        }
    };
    assert_eq!(refused, 429);
    let tokens = 2 + begun.elapsed().as_secs();
    assert!((2..=tokens).contains(&guesses), "{guesses} guesses, {tokens} tokens");
}

#[tokio::test]
async fn trusted_senders_are_not_limited_by_address() {
    let server = Server::start(Config { address_rate: at_once(1), ..Config::default() }).await;
    for _ in 0..3 {
        assert_eq!(server.post(TWO).await.status, 200);
    }
}

#[tokio::test]
async fn a_site_that_sends_too_many_events_holds_back_no_other() {
    let site = |name: &str, rate: Rate| Site { name: name.to_owned(), rate, ..Site::default() };
    let sites = vec![site("shop", at_once(60)), site("blog", Rate::default()), site("news", at_once(60))];
    let server = Server::start(Config { sites, ..Config::default() }).await;
    let of = |counts: &[(&str, usize)]| {
        let events = counts.iter().flat_map(|(name, count)| vec![json!({"url": "/", "site": name}); *count]);
        Value::from_iter(events).to_string()
    };
    assert_eq!(server.post(of(&[("shop", 40), ("blog", 1)])).await.status, 200);
    assert_limited(&server.post(of(&[("blog", 1), ("shop", 40)])).await, "site", 60);
    assert_eq!(server.post(of(&[("news", 40)])).await.status, 200);
    assert_limited(&server.post(of(&[("shop", 20), ("news", 40)])).await, "site", 60);
    assert_eq!(server.post(of(&[("shop", 20)])).await.status, 200, "what was not recorded does not count");
    assert_eq!(server.post(of(&[("blog", 90)])).await.status, 200);
    server.post(of(&[("news", 61)])).await.assert_problem(413, "more events than one site may send at once, 60");
    assert_eq!(server.log.records().len(), 41 + 40 + 20 + 90);
}
