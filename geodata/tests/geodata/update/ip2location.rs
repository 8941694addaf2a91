//! IP2Location: a zip, or words.

use std::sync::Arc;

use chrono::TimeDelta;
use geodata::update::{Config, Ip2LocationConfig, Urgency};

use super::databases::{bin, zip};
use super::desk::{Desk, SECRET, word};
use super::server::{Answer, Server};

fn desk(base_url: &str) -> Desk {
    let ip2location = Ip2LocationConfig {
        token: Some(SECRET.into()),
        codes: vec!["DB11LITEBINIPV6".to_owned()],
        base_url: base_url.into(),
        ..Ip2LocationConfig::default()
    };
    Desk::new(Config { ip2location, ..Config::default() })
}

#[tokio::test]
async fn the_database_is_taken_out_of_the_zip_once() {
    let archive = Arc::new(zip("IP2LOCATION-LITE-DB11.IPV6.BIN", &bin()));
    let server = Server::start(move |_| Answer::ok(archive.to_vec())).await;
    let desk = desk(&server.url);
    assert_eq!(word(&desk.update(Urgency::WhenDue).await), "updated");
    assert_eq!(desk.content(), Some(bin()));
    assert!(desk.file().ends_with("geo/DB11LITEBINIPV6.BIN"));
    assert_eq!(server.targets(), [format!("/download/?token={SECRET}&file=DB11LITEBINIPV6")]);

    assert_eq!(word(&desk.update(Urgency::WhenDue).await), "not_due");
    assert_eq!(server.targets(), Vec::<String>::new());
    desk.wait(TimeDelta::hours(80));
    assert_eq!(word(&desk.update(Urgency::WhenDue).await), "unchanged");
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn an_answer_in_words_is_understood_and_leaves_what_is_in_place() {
    for (words, reason) in [
        ("NO PERMISSION", "forbidden"),
        ("INVALID TOKEN", "credentials"),
        ("THIS FILE CAN ONLY BE DOWNLOADED 5 TIMES PER HOUR", "quota"),
        ("something else, hunter2-hunter2", "answer"),
        ("", "answer"),
    ] {
        let server = Server::start(move |_| Answer::ok(words)).await;
        let desk = desk(&server.url);
        desk.put(&bin());
        assert_eq!(desk.outcome().await, reason, "{words}");
        assert_eq!(desk.content(), Some(bin()));
    }
}

#[tokio::test]
async fn no_more_than_the_allowed_downloads_are_made_in_a_day_whatever_comes_of_them() {
    let server = Server::start(|_| Answer::ok("PK\u{3}\u{4} no archive")).await;
    let desk = desk(&server.url);
    for _ in 0..5 {
        assert_eq!(desk.outcome().await, "damaged");
    }
    for urgency in [Urgency::Now, Urgency::Afresh] {
        assert_eq!(word(&desk.update(urgency).await), "quota");
    }
    assert_eq!(server.targets().len(), 5);
    desk.wait(TimeDelta::hours(24));
    assert_eq!(desk.outcome().await, "damaged");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_or_refuses_uses_up_no_download() {
    let server = Server::start(|_| Answer::status(500)).await;
    let desk = desk(&server.url);
    for _ in 0..6 {
        assert_eq!(desk.outcome().await, "status");
    }
    drop(server);
    for _ in 0..6 {
        assert_eq!(desk.outcome().await, "unreachable");
    }
    assert!(desk.record().downloads.is_empty());
    assert_eq!(desk.record().failures, 12);
}
