//! Bodies that end too early, too late or never, and those that are no database.

use chrono::TimeDelta;
use geodata::update::{Config, Urgency, UrlConfig};

use super::databases::{gzip, mmdb, zip};
use super::desk::{Desk, SECRET, word};
use super::server::{Answer, Server};

/// Large enough for the database.
const MAX_BYTES: u64 = 1 << 20;

async fn outcome(answer: impl Fn() -> Answer + Send + Sync + 'static) -> &'static str {
    let server = Server::start(move |_| answer()).await;
    let url =
        UrlConfig { url: Some(format!("{}/?token={SECRET}", server.url).as_str().into()), ..UrlConfig::default() };
    let urls = [("office".to_owned(), url)].into();
    let config = Config { urls, max_bytes: MAX_BYTES, idle_timeout_ms: 300, ..Config::default() };
    let desk = Desk::new(config);
    desk.put(&mmdb(0));
    let outcome = desk.outcome().await;
    let content = if outcome == "updated" { mmdb(1) } else { mmdb(0) };
    assert_eq!(desk.content(), Some(content), "{outcome}");
    if outcome != "updated" {
        assert_eq!(word(&desk.update(Urgency::WhenDue).await), "not_due");
        desk.wait(desk.record().next_check.unwrap() - desk.now() + TimeDelta::seconds(1));
        assert_eq!(word(&desk.update(Urgency::WhenDue).await), outcome);
        assert_eq!(desk.record().failures, 2);
    }
    outcome
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_noticed_in_every_packing() {
    assert_eq!(outcome(|| Answer::ok(mmdb(1))).await, "updated");
    for body in [mmdb(1), gzip(&mmdb(1)), zip("a.mmdb", &mmdb(1))] {
        let half = body[..body.len() / 2].to_vec();
        let reason = if body == mmdb(1) { "unsound" } else { "damaged" };
        assert_eq!(outcome(move || Answer::half(body.clone())).await, "transport");
        assert_eq!(outcome(move || Answer::ok(half.clone())).await, reason);
    }
}

#[tokio::test]
async fn a_body_without_end_or_a_bomb_ends_at_the_limit() {
    assert_eq!(outcome(Answer::endless).await, "too_large");
    let bomb = gzip(&vec![0; MAX_BYTES as usize + 1]);
    assert!(20 * bomb.len() < MAX_BYTES as usize, "{} bytes", bomb.len());
    assert_eq!(outcome(move || Answer::ok(bomb.clone())).await, "too_large");
    assert_eq!(outcome(|| Answer::ok(vec![0; MAX_BYTES as usize + 1])).await, "too_large");
}

#[tokio::test]
async fn a_silent_server_is_left() {
    assert_eq!(outcome(Answer::silent).await, "timeout");
}

#[tokio::test]
async fn what_is_no_database_is_not_taken() {
    for body in [&b""[..], b"<!DOCTYPE html><title>Sign in", &[0; 100_000]] {
        assert_eq!(outcome(move || Answer::ok(body)).await, "unsound");
    }
    assert_eq!(outcome(|| Answer::ok(zip("GeoLite2-City.csv", b"1,2"))).await, "no_database");
}
