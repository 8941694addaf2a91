//! The pixel: an event in an image's address.

use eventlog::LogError;
use gateway::{Config, Site};

use crate::support::{Answer, Server};

async fn load(server: &Server, query: &str, headers: &str) -> Answer {
    let answer = server.send(format!("GET /pixel.gif{query} HTTP/1.1\r\nHost: t\r\n{headers}\r\n")).await;
    assert_eq!(answer.header("content-type"), Some("image/gif"), "{query}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{query}");
    assert!(answer.body.starts_with(b"GIF89a") && answer.body.len() < 50, "{query}");
    answer
}

#[tokio::test]
async fn the_query_tells_the_event_or_else_the_page_that_holds_the_image() {
    let server = Server::start(Config::default()).await;
    let mail =
        "?url=https%3A%2F%2Fshop.example%2Fa&event_name=open&props=%7B%22n%22%3A1%7D&list=7&ip=8.8.8.8&key=secret";
    assert_eq!(load(&server, mail, "").await.status, 200);
    assert_eq!(load(&server, "", "Referer: https://shop.example/b\r\n").await.status, 200);
    let events = server.log.events();
    for (key, value) in [
        ("url", "https://shop.example/a"),
        ("host", "shop.example"),
        ("event_name", "open"),
        ("list", "7"),
        ("ip", "8.8.8.8"),
    ] {
        assert_eq!(events[0][key], value);
    }
    assert_eq!(events[0]["props"]["n"], 1);
    assert!(!events[0].to_string().contains("secret"));
    assert_eq!((events[1]["url"].as_str(), &events[1]["event_name"]), (Some("https://shop.example/b"), &().into()));
}

#[tokio::test]
async fn a_page_whose_address_has_any_bytes_is_told_all_the_same() {
    let site = Site {
        name: "shop".to_owned(),
        allowed_origins: vec!["https://shop.example".parse().unwrap()],
        ..Site::default()
    };
    for config in [Config::default(), Config { sites: vec![site], ..Config::default() }] {
        let server = Server::start(config).await;
        for (bytes, url) in [
            (&b"https://shop.example/caf\xc3\xa9"[..], "https://shop.example/caf\u{e9}"),
            (b"https://shop.example/caf\xe9?q=\xff", "https://shop.example/caf\u{fffd}?q=\u{fffd}"),
        ] {
            for target in ["/pixel.gif", "/matomo.php?idsite=shop", "/i?e=pv&aid=shop"] {
                let head = format!("GET {target} HTTP/1.1\r\nHost: t\r\nReferer: ");
                let answer = server.send([head.as_bytes(), bytes, b"\r\n\r\n"].concat()).await;
                assert_eq!(answer.status, 200, "{target}: {}", answer.text());
                let event = server.log.events().pop().unwrap();
                assert_eq!((&event["url"], &event["host"]), (&url.into(), &"shop.example".into()), "{target}");
            }
        }
    }
}

#[tokio::test]
async fn whatever_is_wrong_the_image_comes_and_its_status_tells() {
    let site = Site { name: "shop".to_owned(), write_keys: vec!["wk".to_owned()], ..Site::default() };
    let server = Server::start(Config { sites: vec![site], ..Config::default() }).await;
    for (query, status) in [
        ("?url=/a&key=wk", 200),
        ("?url=/a", 403),
        ("?url=/a&key=other", 401),
        ("?key=wk", 400),
        ("?url=/a&event_id=1&key=wk", 400),
    ] {
        assert_eq!(load(&server, query, "").await.status, status, "{query}");
    }
    server.log.fail_with(Some(|| LogError::Busy));
    let refused = load(&server, "?url=/a&key=wk", "").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(server.log.events().len(), 1);
}

#[tokio::test]
async fn who_only_asks_about_the_image_has_not_seen_the_page() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    client.write("HEAD /pixel.gif?url=/a HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").await;
    client.finish_writing().await;
    client.closes().await;
    server.post(r#"{"url":"/b"}"#).await;
    assert_eq!(server.log.events().len(), 1);
}
