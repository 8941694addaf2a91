//! What a hostile sender can do: get a clear error, and hurt nobody else.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use gateway::Config;

use crate::support::{Client, Server, eventually, post, post_with};

const EVENT: &str = r#"{"url":"/"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_made_to_hurt_get_a_clear_error_while_others_are_served() {
    let server = Server::start(Config::default()).await;
    let deep = "[".repeat(1_000_000);
    let closed = "[".repeat(500_000) + &"]".repeat(500_000);
    let mebibyte_of_zeros = gzip(&vec![0; 1 << 20]);
    let gibibyte_of_zeros = mebibyte_of_zeros.repeat(1 << 10);
    let zstd_bomb = zstd::encode_all(&vec![0; 64 << 20][..], 3).unwrap();
    let event_in_zstd = zstd::encode_all(EVENT.as_bytes(), 3).unwrap();
    for (headers, body, status, part) in [
        ("", deep.clone().into_bytes(), 400, "not a JSON array"),
        ("", closed.into_bytes(), 400, "not a JSON object"),
        ("", format!("{{\"url\":\"/\",\"x\":{deep}").into_bytes(), 400, "recursion limit"),
        ("", b"{\"url\":\"\xff\xfe\"}".to_vec(), 400, "not a JSON object"),
        ("", b"[{\"url\":\"\xff\xfe\"}]".to_vec(), 400, "not a JSON array"),
        ("", vec![0; 1_000], 400, "not a JSON object"),
        ("", b"\"".repeat(1_000_000), 400, "not a JSON object"),
        ("", format!("\"{}\"", "a".repeat(1_000_000)).into_bytes(), 400, "not a JSON object"),
        ("", format!("{{\"url\":\"{}\"}}", "a".repeat(2 << 20)).into_bytes(), 413, "1048576 bytes"),
        ("", b"{}\n".repeat(100_001), 413, "more than 100000"),
        ("", [b"[", &b"1,".repeat(10_000_000)[..], b"1]"].concat(), 413, "more than 100000"),
        ("", vec![b' '; 21 << 20], 413, "20971520 bytes"),
        ("Content-Encoding: gzip\r\n", gibibyte_of_zeros.clone(), 413, "20971520 bytes"),
        ("Content-Encoding: gzip\r\n", gzip(&gibibyte_of_zeros), 413, "1048576 bytes"),
        ("Content-Encoding: gzip, gzip\r\n", gzip(&gibibyte_of_zeros), 415, "Content-Encoding"),
        ("Content-Encoding: zstd\r\n", zstd_bomb, 413, "20971520 bytes"),
        ("Content-Encoding: gzip\r\n", mebibyte_of_zeros[..500].to_vec(), 400, "cannot be decompressed"),
        ("Content-Encoding: zstd\r\n", event_in_zstd[..10].to_vec(), 400, "cannot be decompressed"),
        ("Content-Encoding: zstd\r\n", EVENT.into(), 400, "cannot be decompressed"),
    ] {
        let answer = server.while_others_are_served(server.send(post_with(headers, body))).await;
        answer.assert_problem(status, part);
        assert!(answer.body.len() < 2_000, "an answer does not repeat the body");
    }
}

#[tokio::test]
async fn lengths_that_lie_cost_only_their_own_connection() {
    let server = Server::start(Config::default()).await;
    let head = |length: &str| format!("POST /v1/events HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n");
    server.send(head("999999999999999")).await.assert_problem(413, "20971520 bytes");
    for length in ["-1", "x", "99999999999999999999999999"] {
        assert_eq!(server.send(head(length)).await.status, 400, "{length}");
    }
    let mut surplus = server.client().await;
    surplus.write([head("11").as_bytes(), EVENT.as_bytes(), b"and some rubbish\r\n\r\n"].concat()).await;
    assert_eq!(surplus.answer().await.status, 200);
    assert_eq!(surplus.answer().await.status, 400);
    assert!(surplus.ends().await);
}

#[tokio::test]
async fn a_sender_that_asks_first_is_not_told_to_go_on_with_a_body_that_is_refused() {
    let server = Server::start(Config::default()).await;
    for (headers, status) in [("Content-Length: 30000000", 413), ("Content-Length: 9\r\nContent-Encoding: br", 415)] {
        let head = format!("POST /v1/events HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n{headers}\r\n\r\n");
        assert_eq!(server.send(head).await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let server = Server::start(Config { body_timeout_ms: 300, ..Config::default() }).await;
    let mut slow = server.client().await;
    let attack = async {
        slow.write("POST /v1/events HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\n").await;
        // Each byte arrives in time, but the body does not.
        while !slow.receives_within(Duration::from_millis(20)).await {
            slow.write(" ").await;
        }
        let answer = slow.answer().await;
        answer.assert_problem(408, "300 ms");
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(slow.ends().await);
    };
    server.while_others_are_served(attack).await;
}

#[tokio::test]
async fn connections_without_a_request_are_closed() {
    let server = Server::start(Config { header_timeout_ms: 100, ..Config::default() }).await;
    for start in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM", "POST /v1/events HTTP/1.1\r\nHost: t\r\nX-Slow: "] {
        let mut client = server.client().await;
        client.write(start).await;
        assert!(client.ends().await, "{start:?}");
    }
    // The next request's head, too.
    let mut slow = server.client().await;
    slow.write(post(EVENT)).await;
    assert_eq!(slow.answer().await.status, 200);
    slow.write("POST /v1/ev").await;
    assert!(slow.ends().await);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_time_of_its_own() {
    let server = Server::start(Config { idle_timeout_ms: 100, ..Config::default() }).await;
    let mut idle = server.client().await;
    idle.write(post(EVENT)).await;
    assert_eq!(idle.answer().await.status, 200);
    assert!(idle.ends().await);
    let patient = Server::start(Config { header_timeout_ms: 500, ..Config::default() }).await;
    let mut idle = patient.client().await;
    for _ in 0..2 {
        idle.write(post(EVENT)).await;
        assert_eq!(idle.answer().await.status, 200);
        assert!(!idle.receives_within(Duration::from_millis(1_500)).await, "an idle connection is no slow head");
    }
}

#[tokio::test]
async fn a_body_of_thousands_of_chunks_is_taken() {
    let server = Server::start(Config::default()).await;
    let event = format!(r#"{{"url":"/","note":"{}"}}"#, "a".repeat(20_000));
    let chunks: String = event.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect();
    let head = "POST /v1/events HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = server.while_others_are_served(server.send(format!("{head}{chunks}0\r\n\r\n"))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let server = Server::start(Config::default()).await;
    let with = |headers: String| format!("GET / HTTP/1.1\r\nHost: t\r\n{headers}\r\n");
    server.send(with(format!("X-Long: {}\r\n", "a".repeat(66_000)))).await.assert_problem(431, "65536 bytes");
    assert_eq!(server.send(with("X-Many: a\r\n".repeat(500))).await.status, 431);
    assert_eq!(server.send(with(format!("X-Long: {}\r\n", "a".repeat(200_000)))).await.status, 431);
    let strict = Server::start(Config { max_head_bytes: 1_000, ..Config::default() }).await;
    strict.send(with(format!("X-Long: {}\r\n", "a".repeat(1_000)))).await.assert_problem(431, "1000 bytes");
    let long_path = format!("GET /{} HTTP/1.1\r\nHost: t\r\n\r\n", "a".repeat(2_000));
    strict.send(long_path).await.assert_problem(431, "1000 bytes");
    for server in [server, strict] {
        assert_eq!(server.post(EVENT).await.status, 200);
    }
}

#[tokio::test]
async fn a_head_with_many_cookies_or_a_long_address_is_taken_as_far_as_there_is_memory() {
    let server = Server::start(Config::default()).await;
    let cookies = format!("Cookie: {}\r\n", "a".repeat(40_000));
    assert_eq!(server.send(post_with(&cookies, EVENT)).await.status, 200);
    let query = "a".repeat(40_000);
    let long = format!("GET /i?e=pv&url=https%3A%2F%2Fsite.test%2F&cx={query} HTTP/1.1\r\nHost: t\r\n\r\n");
    server.send(long).await.assert_problem(400, "cx must");
    let small =
        Config { max_event_bytes: 1_000, max_body_bytes: 1_000, max_buffered_bytes: 30_000, ..Config::default() };
    let server = Server::start(small).await;
    server.send(post_with(&cookies, EVENT)).await.assert_problem(503, "too much is being received");
    assert_eq!(server.post(EVENT).await.status, 200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = Server::start(Config::default()).await;
    let mut client = server.client().await;
    client.write(post(EVENT).repeat(50)).await;
    let mut ids = Vec::new();
    for _ in 0..50 {
        ids.extend(client.answer().await.event_ids());
    }
    assert_eq!(server.log.event_ids(), ids);
}

#[tokio::test]
async fn bytes_that_are_no_http_get_a_bare_400() {
    let server = Server::start(Config::default()).await;
    for rubbish in ["rubbish\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n", "GET  HTTP/9.9\r\n\r\n"] {
        assert_eq!(server.send(rubbish).await.status, 400, "{rubbish:?}");
    }
    assert_eq!(server.post(EVENT).await.status, 200);
}

#[tokio::test]
async fn bodies_that_wait_use_up_the_memory_and_no_more() {
    let config =
        Config { max_event_bytes: 40_000, max_body_bytes: 40_000, max_buffered_bytes: 80_000, ..Config::default() };
    let server = Server::start(config).await;
    let event = format!(r#"{{"url":"/","note":"{}"}}"#, "a".repeat(30_000));
    let mut waiting: Vec<Client> = Vec::new();
    for _ in 0..2 {
        let mut client = server.client().await;
        let request = post(&event);
        client.write(&request[..request.len() - 1]).await;
        waiting.push(client);
    }
    // The gateway may not have read the bodies sent so far.
    eventually("no room is left", async || server.post(&event).await.status != 200).await;
    let refused = server.post(&event).await;
    refused.assert_problem(503, "too much is being received");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(server.post(EVENT).await.status, 200, "a small body still finds room");
    waiting.pop();
    let mut last = waiting.pop().unwrap();
    last.write("}").await;
    assert_eq!(last.answer().await.status, 200);
    assert_eq!(server.post(&event).await.status, 200);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_free_one() {
    let server = Server::start(Config { max_connections: 1, ..Config::default() }).await;
    let mut first = server.client().await;
    first.write(post(EVENT)).await;
    assert_eq!(first.answer().await.status, 200);
    let mut second = server.client().await;
    second.write(post(EVENT)).await;
    first.write(post(EVENT)).await;
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(server.log.appends(), 2);
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}
