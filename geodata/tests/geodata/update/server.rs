//! An HTTP server of one closure, which can also break off, never end and stay silent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
}

/// What is answered.
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

enum Body {
    Whole(Vec<u8>),
    /// Half of what is announced; then the connection ends.
    Half(Vec<u8>),
    /// Not announced how long.
    Endless,
    /// Announced, but never sent.
    Silent,
}

impl Answer {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Whole(body.into()) }
    }

    pub fn half(body: impl Into<Vec<u8>>) -> Self {
        Self { body: Body::Half(body.into()), ..Self::status(200) }
    }

    pub fn endless() -> Self {
        Self { body: Body::Endless, ..Self::status(200) }
    }

    pub fn silent() -> Self {
        Self { body: Body::Silent, ..Self::status(200) }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::ok("") }
    }

    pub fn redirect(location: impl Into<String>) -> Self {
        Self::status(302).with("location", location)
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Handler = Box<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// Listens on a port of its own until it is dropped.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    handler: Arc<Mutex<Handler>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn start(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let handler = Arc::new(Mutex::new(Box::new(handler) as Handler));
        let (told, answering) = (asked.clone(), handler.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (told, answering) = (told.clone(), answering.clone());
                tokio::spawn(async move {
                    let mut stream = stream;
                    let asked = read(&mut stream).await;
                    told.lock().unwrap().push(asked.clone());
                    let answer = answering.lock().unwrap()(&asked);
                    // The client may well have gone away.
                    let _ = write(&mut stream, answer).await;
                });
            }
        });
        Self { url, asked, handler, accepting }
    }

    /// Answers otherwise from now on.
    pub fn answer(&self, handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) {
        *self.handler.lock().unwrap() = Box::new(handler);
    }

    /// All that was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// The paths and queries of it.
    pub fn targets(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.target).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn read(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap_or(b'\n'));
    }
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().to_owned();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Asked { target, headers: lines.filter_map(header).collect() }
}

async fn write(stream: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    let length = match &answer.body {
        Body::Whole(body) | Body::Half(body) => Some(body.len()),
        Body::Silent => Some(1_000),
        Body::Endless => None,
    };
    let mut head = format!("HTTP/1.1 {} Status\r\nconnection: close\r\n", answer.status);
    let length = length.map(|length| ("content-length", length.to_string()));
    for (name, value) in answer.headers.into_iter().chain(length) {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    match answer.body {
        Body::Whole(body) => stream.write_all(&body).await?,
        Body::Half(body) => stream.write_all(&body[..body.len() / 2]).await?,
        Body::Endless => loop {
            stream.write_all(&[0; 4_096]).await?;
        },
        Body::Silent => std::future::pending().await,
    }
    stream.shutdown().await
}
