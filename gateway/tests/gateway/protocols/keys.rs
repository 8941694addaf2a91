//! The keys that trackers send tell the site of their events.

use gateway::{Config, Site};
use serde_json::{Value, json};

use super::sent;
use crate::support::Server;

fn site(name: &str, write_keys: &[&str], aliases: &[&str]) -> Site {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let allowed_origins = vec!["http://site.test:9000".parse().unwrap()];
    Site {
        name: name.to_owned(),
        write_keys: owned(write_keys),
        aliases: owned(aliases),
        allowed_origins,
        ..Site::default()
    }
}

#[tokio::test]
async fn every_tracker_finds_its_site_by_the_key_or_the_name_that_it_is_configured_with() {
    let matomo = "00112233445566778899aabbccddeeff";
    let sites = vec![
        site("by key", &["WK123", "phc_key", "s3cret", matomo], &[]),
        site("by name", &[], &["11111111-2222-3333-4444-555555555555", "site", "1", "site.test", "G-ABC123"]),
    ];
    for (label, name) in [
        ("@segment/analytics-next 1.84.3 in Chromium, batched #2", "by key"),
        ("written after the source of Segment's HTTP API #1", "by key"),
        ("posthog-node 5.70.0, node #1", "by key"),
        ("posthog-js 1.449.2, jsdom, gzipped #1", "by key"),
        ("written after the source of an older posthog-js #1", "by key"),
        ("written after the reference of the Measurement Protocol #1", "by key"),
        ("matomo-tracker 2.2.4, node #1", "by key"),
        ("matomo-tracker 2.2.4, node #2", "by name"),
        ("matomo-tracker 2.2.4, node #3", "by key"),
        ("@umami/node 0.4.0, node #1", "by name"),
        ("@snowplow/node-tracker 4.8.0, node #1", "by name"),
        ("@plausible-analytics/tracker 0.4.6, jsdom #1", "by name"),
    ] {
        let server = Server::start(Config { sites: sites.clone(), ..Config::default() }).await;
        let answer = server.send(sent::named(label).bytes()).await;
        let found: Vec<Value> = server.log.events().into_iter().map(|event| event["site"].clone()).collect();
        assert!(answer.status < 300 && !found.is_empty(), "{label}: {}", answer.text());
        assert!(found.iter().all(|site| *site == name), "{label}: {found:?}");
        for secret in ["WK123", "phc_key", "s3cret", matomo] {
            assert!(!json!(server.log.events()).to_string().contains(secret), "{label} records its key");
        }
    }
}

#[tokio::test]
async fn a_key_that_no_site_has_is_refused() {
    for label in [
        "@segment/analytics-next 1.84.3 in Chromium #2",
        "posthog-node 5.70.0, node #1",
        "matomo-tracker 2.2.4, node #3",
    ] {
        let server = Server::start(Config { sites: vec![site("a", &["k"], &["1"])], ..Config::default() }).await;
        server.send(sent::named(label).bytes()).await.assert_problem(401, "key");
        assert_eq!(server.log.appends(), 0, "{label}");
    }
}
