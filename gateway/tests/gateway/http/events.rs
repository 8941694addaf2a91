//! What a well-meaning sender sees.

use std::io::Write;

use crate::support::{Server, post_with};
use flate2::Compression;
use flate2::write::GzEncoder;
use gateway::Config;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn events_are_taken_in_every_shape_and_encoding_with_one_append_a_request() {
    let server = Server::start(Config::default()).await;
    let two = br#"[{"url":"/1"},{"url":"/2"}]"#;
    let requests = [
        ("", br#"{"url":"/1"}"#.to_vec(), 1),
        ("Content-Type: image/png\r\n", b"{\n  \"url\": \"/1\"\n}\n".to_vec(), 1),
        ("Content-Encoding: identity\r\n", two.to_vec(), 2),
        (
            "Content-Type: application/x-ndjson\r\n",
            b"\xef\xbb\xbf{\"url\":\"/1\"}\r\n\r\n{\"url\":\"/2\"}\r\n".to_vec(),
            2,
        ),
        ("Content-Encoding: gzip\r\n", gzip(two), 2),
        ("Content-Encoding: zstd\r\n", zstd::encode_all(&two[..], 3).unwrap(), 2),
    ];
    let mut ids = Vec::new();
    for (headers, body, count) in &requests {
        let answer = server.send(post_with(headers, body)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{headers}");
        assert_eq!(answer.json()["accepted"], *count, "{headers}");
        ids.extend(answer.event_ids());
    }
    assert_eq!(server.log.event_ids(), ids);
    assert_eq!(server.log.appends(), requests.len());
}

#[tokio::test]
async fn what_the_sender_leaves_out_is_filled_in_and_what_it_gives_is_kept() {
    let server = Server::start(Config::default()).await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let given = format!(r#"{{"url":"/a","ip":"8.8.8.8","event_id":"{id}","event_time":"2015-05-17T10:05:03Z"}}"#);
    let answer = server.post(format!(r#"[{given},{{"url":"/b"}}]"#)).await;
    assert_eq!(answer.event_ids()[0], id);
    let events = server.log.events();
    assert_eq!((&events[0]["ip"], &events[0]["event_time"]), (&"8.8.8.8".into(), &"2015-05-17T10:05:03.000Z".into()));
    assert_eq!(events[1]["ip"], "127.0.0.1");
    assert_eq!(events[1]["event_time"], events[1]["received_at"]);
    for record in server.log.records() {
        assert_eq!(record.event_id.map(|id| id.to_bytes().to_vec()), Some(record.key.to_vec()));
    }
}

/// A beacon tries again by itself when its phone has gone from one network to another.
#[tokio::test]
async fn an_event_that_is_sent_again_from_another_address_goes_to_the_same_partition() {
    let server = Server::start(Config::default()).await;
    let event = |ip: &str| format!(r#"{{"url":"/a","ip":"{ip}","event_id":"01890a5d-ac96-774b-bcce-b302099a8057"}}"#);
    for ip in ["8.8.8.8", "2001:4860:4860::8888"] {
        server.post(event(ip)).await;
    }
    let records = server.log.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].key, records[1].key);
}

#[tokio::test]
async fn the_host_is_that_of_an_absolute_url_unless_it_is_given() {
    let server = Server::start(Config::default()).await;
    for (event, host) in [
        (r#"{"url":"https://x.example/1"}"#, serde_json::json!("x.example")),
        (r#"{"url":"HTTPS://user@X.Example:8443/1?q#f"}"#, "x.example".into()),
        (r#"{"url":"https://b\u00fccher.example/","host":null}"#, "xn--bcher-kva.example".into()),
        (r#"{"url":"https://x.example/1","host":"shop.example:8080"}"#, "shop.example:8080".into()),
        (r#"{"url":"/1"}"#, serde_json::Value::Null),
        (r#"{"url":"about:blank"}"#, serde_json::Value::Null),
        (r#"{"event_name":"signup"}"#, serde_json::Value::Null),
    ] {
        assert_eq!(server.post(event).await.status, 200, "{event}");
        assert_eq!(server.log.events().pop().unwrap()["host"], host, "{event}");
    }
}

#[tokio::test]
async fn the_good_events_of_a_batch_are_taken_and_the_bad_ones_named() {
    let server = Server::start(Config { max_event_bytes: 100, ..Config::default() }).await;
    let large = "a".repeat(200);
    let lines = format!(
        "{{\"url\":\"/1\"}}\nnot json\n{{\"url\":\"/3\",\"ip\":\"x\"}}\n{{\"url\":\"{large}\"}}\n{{\"url\":\"/5\"}}"
    );
    let array = format!(r#"[{{"url":"/1"}},7,{{"url":"/3","ip":"x"}},{{"url":"{large}"}},{{"url":"/5"}}]"#);
    for body in [lines, array] {
        let answer = server.post(body).await;
        assert_eq!(answer.status, 207, "{}", answer.text());
        let json = answer.json();
        assert_eq!((&json["accepted"], &json["rejected"]), (&2.into(), &3.into()));
        let results = json["results"].as_array().unwrap();
        for (index, result) in results.iter().enumerate() {
            assert_eq!(result["index"], index);
            assert_eq!(result["event_id"].is_string(), [0, 4].contains(&index), "{result}");
        }
        assert!(results[1]["error"]["reason"].as_str().unwrap().contains("not a JSON object"));
        assert_eq!(results[2]["error"]["field"], "ip");
        assert!(results[3]["error"]["reason"].as_str().unwrap().contains("100 bytes"));
    }
    assert_eq!(server.log.records().len(), 4);
}

#[tokio::test]
async fn every_error_is_a_problem_that_says_what_is_wrong() {
    let limits = Config { max_event_bytes: 1_000, max_body_bytes: 2_000, max_events: 3, ..Config::default() };
    let server = Server::start(limits).await;
    let event = |bytes: usize| format!(r#"{{"url":"{}"}}"#, "a".repeat(bytes));
    let broken_gzip = gzip(event(900).as_bytes()).split_off(12);
    for (headers, body, status, part) in [
        ("", b"".to_vec(), 400, "holds no event"),
        ("", b"[]".to_vec(), 400, "holds no event"),
        ("", b"{\"url\":".to_vec(), 400, r#""reason":"not a JSON object"#),
        ("", b"[{\"url\":\"/\"}".to_vec(), 400, "not a JSON array"),
        (
            "",
            br#"{"url":"/","ip":"x"}"#.to_vec(),
            400,
            r#""field":"ip","reason":"must be an IPv4 or IPv6 address","errors":[{"index":0"#,
        ),
        ("", br#"[{"url":"/","ip":"x"},{}]"#.to_vec(), 400, r#"{"index":1,"field":"url","reason":"is missing"#),
        ("", event(1_500).into_bytes(), 413, "1000 bytes"),
        ("", event(3_000).into_bytes(), 413, "2000 bytes"),
        ("", b"[{},{},{},{}]".to_vec(), 413, "more than 3 events"),
        ("Content-Encoding: gzip\r\n", gzip(event(100_000).as_bytes()), 413, "after decompression"),
        ("Content-Encoding: zstd\r\n", zstd::encode_all(event(100_000).as_bytes(), 3).unwrap(), 413, "2000 bytes"),
        ("Content-Encoding: gzip\r\n", broken_gzip, 400, "cannot be decompressed"),
        ("Content-Encoding: br\r\n", b"x".to_vec(), 415, "gzip, zstd, identity"),
        ("Content-Encoding: gzip, gzip\r\n", b"x".to_vec(), 415, "gzip, zstd, identity"),
    ] {
        let answer = server.send(post_with(headers, body)).await;
        answer.assert_problem(status, part);
        let accepts = (status == 415).then_some("gzip, zstd, identity");
        assert_eq!(answer.header("accept-encoding"), accepts);
    }
    assert_eq!(server.log.appends(), 0);
}

#[tokio::test]
async fn other_addresses_and_methods_are_told_where_to_go() {
    let server = Server::start(Config::default()).await;
    server.send("GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n").await.assert_problem(404, "/v1/events");
    for (method, path, allow) in
        [("GET", "/v1/events", "POST"), ("DELETE", "/health/live", "GET,HEAD"), ("POST", "/metrics", "GET,HEAD")]
    {
        let answer = server.send(format!("{method} {path} HTTP/1.1\r\nHost: t\r\n\r\n")).await;
        answer.assert_problem(405, method);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
    for (path, part) in
        [("/", "curl"), ("/metrics", "pageberg_up 1"), ("/health/live", "live"), ("/health/ready", "ready")]
    {
        let answer = server.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains(part), "{path}");
    }
}

#[tokio::test]
async fn http_2_is_spoken_on_the_same_port() {
    let server = Server::start(Config::default()).await;
    let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let url = format!("http://{}/v1/events", server.address);
    for (body, status) in [(&br#"{"url":"/"}"#[..], 200), (b"x", 400)] {
        let request = hyper::Request::post(&url).body(Full::new(bytes::Bytes::from_static(body))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
    drop(sender);
    connection.await.unwrap().unwrap();
}
