//! Senders that do not read their answers, or make work and take it back.

use std::time::Duration;

use gateway::Config;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::support::{Server, eventually, post, total};

const EVENT: &str = r#"{"url":"/"}"#;

/// Answers of megabytes: an id for each of many events.
fn many_events() -> Vec<u8> {
    post(format!("[{}]", vec![EVENT; 60_000].join(",")))
}

fn impatient() -> Config {
    Config { answer_timeout_ms: 300, ..Config::default() }
}

/// An HTTP/2 frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:method`, `:scheme`, `:path` and `:authority` in HPACK without compression (RFC 7541).
fn head(is_post: bool, path: &str) -> Vec<u8> {
    let method = if is_post { 0x83 } else { 0x82 };
    [&[method, 0x86, 0x04, path.len() as u8][..], path.as_bytes(), &[0x41, 1, b't']].concat()
}

async fn http_2(server: &Server, settings: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let start = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, settings)].concat();
    stream.write_all(&start).await.unwrap();
    stream
}

/// Open connections and bytes of memory.
fn held(metrics: &PrometheusHandle) -> (f64, f64) {
    (total(metrics, "pageberg_http_connections ", ""), total(metrics, "pageberg_http_buffered_bytes ", ""))
}

#[tokio::test]
async fn an_answer_that_is_never_read_does_not_hold_its_connection_or_its_memory() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::start(impatient()).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stuck = socket.connect(server.address).await.unwrap();
    // The gateway may give up before all is written.
    let _written = stuck.write_all(&many_events().repeat(2)).await;
    eventually("an answer is there", async || server.log.appends() > 0).await;
    eventually("the connection is given up", async || held(&metrics) == (0.0, 0.0)).await;
    assert_eq!(server.post(EVENT).await.status, 200);
}

#[tokio::test]
async fn an_answer_for_which_http_2_leaves_no_window_does_not_hold_its_connection_or_its_memory() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = Server::start(impatient()).await;
    // SETTINGS_INITIAL_WINDOW_SIZE is 0.
    let mut stream = http_2(&server, &[0, 4, 0, 0, 0, 0]).await;
    let event =
        [frame(HEADERS, END_HEADERS, 1, &head(true, "/v1/events")), frame(DATA, END_STREAM, 1, EVENT.as_bytes())];
    stream.write_all(&event.concat()).await.unwrap();
    eventually("the event is recorded", async || server.log.appends() > 0).await;
    let mut stream_id = 1;
    // A sender that stays busy is not idle: only the answer tells that it is stuck.
    while held(&metrics) != (0.0, 0.0) {
        stream_id += 2;
        let another = frame(HEADERS, END_HEADERS | END_STREAM, stream_id, &head(false, "/health/live"));
        let _written = stream.write_all(&another).await;
        assert!(stream_id < 2_000, "the connection goes on");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.post(EVENT).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_taken_back_at_once_end_their_connection() {
    let server = Server::start(Config::default()).await;
    let attack = async {
        let mut stream = http_2(&server, &[]).await;
        let flood: Vec<u8> = (0..20_000)
            .flat_map(|index| {
                let id = 1 + 2 * index;
                [frame(HEADERS, END_HEADERS, id, &head(true, "/v1/events")), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])]
            })
            .flatten()
            .collect();
        // The connection may be gone before all is written.
        let _written = stream.write_all(&flood).await;
        let mut answered = Vec::new();
        let _read = stream.read_to_end(&mut answered).await;
        answered
    };
    let answered = server.while_others_are_served(attack).await;
    let goodbye = [GOAWAY, 0, 0, 0, 0, 0];
    assert!(answered.windows(goodbye.len()).any(|bytes| bytes == goodbye), "{answered:?}");
}
