//! A gateway that answers as it is told to, and remembers every event that it was sent.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

/// The answer to one request; after the last of them every request is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply {
    Take,
    /// 503, nothing taken.
    Busy,
    /// Taken, but the connection breaks before the answer is complete.
    TakeAndBreak,
    /// Taken, but never answered.
    TakeAndHang,
    /// 207: the event at this place is refused.
    RefuseOne(usize),
}

#[derive(Default)]
struct Seen {
    replies: VecDeque<Reply>,
    requests: usize,
    taken: Vec<Value>,
    /// The headers of the last request.
    headers: HeaderMap,
}

pub struct Stub {
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

impl Stub {
    pub async fn start(replies: &[Reply]) -> Self {
        let seen = Arc::new(Mutex::new(Seen { replies: replies.iter().copied().collect(), ..Seen::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/events", post(answer)).with_state(seen.clone());
        tokio::spawn(
            async move { axum::serve(listener, routes.layer(axum::extract::DefaultBodyLimit::disable())).await },
        );
        Self { url, seen }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The events taken so far, in order.
    pub fn taken(&self) -> Vec<Value> {
        self.seen().taken.clone()
    }

    /// A header of the last request.
    pub fn header(&self, name: &str) -> Option<String> {
        self.seen().headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    pub async fn wait_for_requests(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.seen().requests < count {
            assert!(Instant::now() < deadline, "no {count} requests came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn answer(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    let mut events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reply = {
        let mut seen = seen.lock().unwrap();
        seen.requests += 1;
        seen.headers = headers;
        let reply = seen.replies.pop_front().unwrap_or(Reply::Take);
        if let Reply::RefuseOne(index) = reply {
            events.remove(index);
        }
        if reply != Reply::Busy {
            seen.taken.extend(events);
        }
        reply
    };
    match reply {
        Reply::Take => (StatusCode::OK, "{}").into_response(),
        Reply::Busy => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")], "busy").into_response(),
        Reply::TakeAndBreak => {
            let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("broken")) });
            Body::from_stream(broken).into_response()
        }
        Reply::TakeAndHang => std::future::pending().await,
        Reply::RefuseOne(index) => {
            let results = json!([{"index": index, "error": {"field": "url", "reason": "is not wanted"}}]);
            (StatusCode::MULTI_STATUS, json!({ "results": results }).to_string()).into_response()
        }
    }
}
