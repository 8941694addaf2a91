//! Any URL: conditional requests, secrets, and whatever packing.

use std::sync::Arc;

use geodata::update::{Config, Urgency, UrlConfig};

use super::databases::{bin, gzip, mmdb, tar_gz, zip};
use super::desk::{Desk, SECRET, word};
use super::server::{Answer, Server};

fn desk(server: &Server) -> Desk {
    let url = UrlConfig {
        url: Some(format!("{}/city?token={SECRET}", server.url).as_str().into()),
        header_name: "X-Api-Key".to_owned(),
        header_secret: Some(SECRET.into()),
        ..UrlConfig::default()
    };
    Desk::new(Config { urls: [("office".to_owned(), url)].into(), ..Config::default() })
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start(|asked| match asked.headers.get("if-none-match").map(String::as_str) {
        Some("\"one\"") => Answer::status(304),
        _ => Answer::ok(mmdb(0)).with("etag", "\"one\"").with("last-modified", "Fri, 13 Nov 2026 00:00:00 GMT"),
    })
    .await;
    let desk = desk(&server);
    assert_eq!(desk.outcome().await, "updated");
    assert_eq!(server.asked()[0].headers["x-api-key"], SECRET);
    assert_eq!(desk.outcome().await, "unchanged");
    assert_eq!(server.asked()[0].headers["if-modified-since"], "Fri, 13 Nov 2026 00:00:00 GMT");
    assert_eq!(desk.record().downloads.len(), 1);

    let unasked = |server: &Server| !server.asked()[0].headers.contains_key("if-none-match");
    assert_eq!(word(&desk.update(Urgency::Afresh).await), "unchanged");
    assert!(unasked(&server), "somebody who doubts what is in place gets it again");
    desk.put(&mmdb(7));
    assert_eq!(desk.outcome().await, "updated");
    assert!(unasked(&server), "what was put there by others is no version of the server's");
}

#[tokio::test]
async fn a_secret_header_stays_with_its_origin() {
    let other = Server::start(|_| Answer::ok(gzip(&mmdb(0)))).await;
    let elsewhere = other.url.clone();
    let server = Server::start(move |_| Answer::redirect(format!("{elsewhere}/file"))).await;
    assert_eq!(desk(&server).outcome().await, "updated");
    let asked = other.asked();
    assert!(asked.len() == 1 && !format!("{asked:?}").contains(SECRET), "{asked:?}");
}

#[tokio::test]
async fn the_packing_is_told_by_the_content() {
    let packings = [
        mmdb(0),
        gzip(&mmdb(0)),
        tar_gz("a/b.mmdb", &mmdb(0)),
        zip("a/b.mmdb", &mmdb(0)),
        bin(),
        gzip(&bin()),
        zip("B.BIN", &bin()),
    ];
    for packed in packings {
        let packed = Arc::new(packed);
        let server = Server::start(move |_| Answer::ok(packed.to_vec())).await;
        assert_eq!(desk(&server).outcome().await, "updated");
    }
}

#[tokio::test]
async fn an_older_or_much_smaller_database_is_not_taken() {
    let server = Server::start(|_| Answer::ok(bin())).await;
    let desk = desk(&server);
    desk.put(&mmdb(0));
    let refused = desk.update(Urgency::Now).await.unwrap_err();
    assert_eq!(refused.reason(), "unsound");
    assert_eq!(desk.content(), Some(mmdb(0)));
}
