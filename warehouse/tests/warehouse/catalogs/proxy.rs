//! Between pageberg and a REST catalog: it loses what it is told to lose.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::net::TcpListener;

/// What happens to the first change of a table.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// It is made, and this status is the answer.
    Answer(u16),
    /// It is made, and the answer breaks off.
    Body,
    /// It does not arrive, and this status is the answer.
    Request(u16),
}

pub struct Proxy {
    pub url: String,
    state: Arc<Between>,
}

struct Between {
    upstream: String,
    loss: Loss,
    changes: AtomicUsize,
    client: reqwest::Client,
}

impl Proxy {
    pub async fn start(upstream: &str, loss: Loss) -> Self {
        let (host, path) = upstream.split_at(upstream.rfind('/').unwrap());
        let (changes, client) = (AtomicUsize::new(0), reqwest::Client::new());
        let state = Arc::new(Between { upstream: host.to_owned(), loss, changes, client });
        let router = Router::new().fallback(pass).with_state(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        // It ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, state }
    }

    /// Waits for the first change.
    pub async fn has_lost(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.state.changes.load(Ordering::SeqCst) == 0 {
            assert!(Instant::now() < deadline, "nothing was sent");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn pass(State(between): State<Arc<Between>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    // A commit of data has a snapshot in it; making and opening a table have not.
    let is_change = head.method == Method::POST && String::from_utf8_lossy(&body).contains("add-snapshot");
    let loss = (is_change && between.changes.load(Ordering::SeqCst) == 0).then_some(between.loss);
    let answer = match loss {
        Some(Loss::Request(status)) => refusal(status),
        _ => forward(&between, &head, body).await,
    };
    if is_change {
        between.changes.fetch_add(1, Ordering::SeqCst);
    }
    match loss {
        Some(Loss::Answer(status)) => refusal(status),
        Some(Loss::Body) => Body::from_stream(stream::iter([
            Ok(Bytes::from("{\"metadata")),
            Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        ]))
        .into_response(),
        _ => answer,
    }
}

async fn forward(between: &Between, head: &axum::http::request::Parts, body: Bytes) -> Response {
    let mut headers = head.headers.clone();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    let url = format!("{}{}", between.upstream, head.uri);
    let sent = between.client.request(head.method.clone(), url).headers(headers).body(body).send().await.unwrap();
    let status = sent.status();
    (status, sent.bytes().await.unwrap()).into_response()
}

fn refusal(status: u16) -> Response {
    StatusCode::from_u16(status).unwrap().into_response()
}
