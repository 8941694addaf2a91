//! An HTTP/1.1 client that sends whatever bytes it is given.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::TIMEOUT;

/// The bytes of a `POST /v1/events`.
pub fn post(body: impl AsRef<[u8]>) -> Vec<u8> {
    post_with("Content-Type: text/plain\r\n", body)
}

/// The same with other headers, each ended by CRLF.
pub fn post_with(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let length = body.as_ref().len();
    let head = format!("POST /v1/events HTTP/1.1\r\nHost: test\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

/// A connection, encrypted or not.
trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

pub struct Client {
    stream: Box<dyn Bytes>,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// That it is a problem of this status whose text holds `part`.
    pub fn assert_problem(&self, status: u16, part: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].is_string() && problem["title"].is_string() && problem["detail"].is_string());
        assert!(self.text().contains(part), "{part:?} is not in {}", self.text());
    }

    pub fn event_ids(&self) -> Vec<String> {
        let json = self.json();
        json["event_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// From an address of this machine.
    pub async fn connect_from(source: &str, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        Self::over(socket.connect(address).await.unwrap())
    }

    /// On a connection that there is.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self { stream: Box::new(stream), unread: Vec::new() }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends no more, but goes on reading.
    pub async fn finish_writing(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Answer {
        self.answer_or_end().await.expect("an answer before the connection ends")
    }

    /// The next answer, or `None` when the connection ends without one.
    pub async fn answer_or_end(&mut self) -> Option<Answer> {
        let head = loop {
            match self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break self.cut(end + 4),
                None => self.read_more().await.then_some(())?,
            }
        };
        let head = String::from_utf8(head).unwrap();
        let (status_line, lines) = head.trim_end().split_once("\r\n").unwrap();
        let pairs = lines.lines().map(|line| line.split_once(": ").unwrap());
        let headers: HashMap<String, String> =
            pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            assert!(self.read_more().await, "an answer's body is whole");
        }
        let status = status_line.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, headers, body: self.cut(length) })
    }

    /// Whether bytes or the end of the connection arrive within this time.
    pub async fn receives_within(&mut self, time: Duration) -> bool {
        timeout(time, self.stream.read_buf(&mut self.unread)).await.is_ok()
    }

    /// Whether the connection ends without another byte.
    pub async fn ends(&mut self) -> bool {
        self.unread.is_empty() && !self.read_more().await
    }

    /// Waits for the end of the connection, whatever is sent before it, as an alert of TLS.
    pub async fn closes(&mut self) {
        while self.read_more().await {}
    }

    fn cut(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    async fn read_more(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.unread);
        timeout(TIMEOUT, read).await.expect("bytes or an end in time").is_ok_and(|bytes| bytes > 0)
    }
}
