//! What a request costs from the socket to a log in memory, answered:
//!
//!     cargo run --release -p gateway --example requests -- one|lines [REQUESTS]
//!
//! `one` sends an event a request, `lines` 100 of them as NDJSON, over one connection that waits for each answer; both sides
//! and the runtime share one thread. For counts of instructions, which no other process disturbs, run it twice under
//! `valgrind --tool=callgrind`, with different numbers of requests: the difference is theirs.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::net::Ipv4Addr;
use std::sync::Arc;

use eventlog::memory::MemoryLog;
use gateway::{Config, Gateway};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// One of many like it, as a browser's headers make it: 594 bytes on average.
const EVENT: &str = concat!(
    r#"{"url":"https://www.example.com/articles/2026/11/a-page-with-a-long-name?utm_source=newsletter&ref=12345","#,
    r#""referrer":"https://www.google.com/search?q=pages+with+long+names","user_agent":"Mozilla/5.0 (Windows NT 10.0; "#,
    r#"Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36","host":"www.example.com","#,
    r#""ip":"203.0.113.77","headers":"{\"accept\":\"text/html,*/*;q=0.8\",\"accept-language\":\"en-US,en;q=0.5\","#,
    r#"\"accept-encoding\":\"gzip, deflate, br\",\"dnt\":\"1\",\"cache-control\":\"max-age=0\"}","#,
    r#""event_time":"2026-11-21T10:05:03.217Z"}"#,
);

const DEFAULT_REQUESTS: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let events = match arguments.next().as_deref() {
        Some("one") => 1,
        Some("lines") => 100,
        _ => panic!("usage: requests one|lines [REQUESTS]"),
    };
    let requests = arguments.next().map_or(DEFAULT_REQUESTS, |text| text.parse().unwrap());
    let recorder = PrometheusBuilder::new().install_recorder().unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let render = Arc::new(move || recorder.render());
    let gateway = Gateway::new(Config::default(), MemoryLog::new(4), "raw", render).unwrap();
    let shutdown = CancellationToken::new();
    let load = async {
        send(TcpStream::connect(address).await.unwrap(), &request(events), requests).await;
        shutdown.cancel();
    };
    tokio::join!(gateway.run(listener, shutdown.clone()), load);
    println!("{}", requests * events);
}

fn request(events: usize) -> Vec<u8> {
    let body = vec![EVENT; events].join("\n");
    let head = "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nContent-Length";
    format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The answers differ in their ids and dates only, and are all of one length.
async fn send(mut stream: TcpStream, request: &[u8], requests: usize) {
    let mut answer = vec![0; 64 << 10];
    let mut length = 1;
    for _ in 0..requests {
        stream.write_all(request).await.unwrap();
        let mut got = 0;
        while got < length {
            got += stream.read(&mut answer[got..]).await.unwrap();
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        length = got;
    }
}
