//! What pages of other origins may do.

use gateway::{Config, Site};

use crate::support::{Answer, Server, post_with};

const PREFLIGHT: &str =
    "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,x-write-key";

fn sites() -> Config {
    let site = Site {
        name: "shop".to_owned(),
        allowed_origins: ["https://shop.example", "*.shop.example"].map(|origin| origin.parse().unwrap()).to_vec(),
        ..Site::default()
    };
    Config { sites: vec![site], ..Config::default() }
}

async fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    server.send(format!("OPTIONS {path} HTTP/1.1\r\nHost: t\r\nOrigin: {origin}\r\n{PREFLIGHT}\r\n\r\n")).await
}

/// Allowed origin, allowed credentials, what the answer varies by.
fn told(answer: &Answer) -> [Option<&str>; 3] {
    ["access-control-allow-origin", "access-control-allow-credentials", "vary"].map(|name| answer.header(name))
}

#[tokio::test]
async fn where_any_page_is_taken_any_page_reads_the_answer_but_without_credentials() {
    let server = Server::start(Config::default()).await;
    let origin = "Origin: https://b.example\r\n";
    for answer in [
        preflight(&server, "/v1/events", "https://b.example").await,
        server.send(post_with(origin, r#"{"url":"/"}"#)).await,
        server.send(post_with(origin, "x")).await,
    ] {
        assert_eq!(told(&answer), [Some("*"), None, None]);
    }
    let metrics = server.send(format!("GET /metrics HTTP/1.1\r\nHost: t\r\n{origin}\r\n")).await;
    assert_eq!(told(&metrics), [None; 3]);
}

#[tokio::test]
async fn with_sites_only_their_origins_are_named_and_may_use_credentials() {
    let server = Server::start(sites()).await;
    for (origin, known) in [
        ("https://shop.example", true),
        ("http://www.shop.example", true),
        ("https://evilshop.example", false),
        ("https://shop.example.evil.test", false),
        ("null", false),
    ] {
        let named = [known.then_some(origin), known.then_some("true"), Some("origin")];
        assert_eq!(told(&preflight(&server, "/v1/events", origin).await), named, "{origin}");
        let posted = server.send(post_with(&format!("Origin: {origin}\r\n"), r#"{"url":"/"}"#)).await;
        assert_eq!((posted.status, told(&posted)), (if known { 200 } else { 403 }, named), "{origin}");
    }
    assert_eq!(told(&server.post(r#"{"url":"https://shop.example/"}"#).await)[2], Some("origin"));
}

#[tokio::test]
async fn a_preflight_lets_every_header_through_on_every_address_that_takes_events() {
    let server = Server::start(sites()).await;
    for path in
        ["/v1/events", "/api/event", "/api/send", "/v1/p", "/com.snowplowanalytics.snowplow/tp2", "/matomo.php", "/e/"]
    {
        let answer = preflight(&server, path, "https://shop.example").await;
        assert_eq!((answer.status, answer.header("access-control-allow-methods")), (200, Some("GET,POST")), "{path}");
        assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,x-write-key"), "{path}");
        assert_eq!(answer.header("access-control-max-age"), Some("86400"), "{path}");
    }
}
