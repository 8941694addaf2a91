//! One connection: HTTP/1.1 or HTTP/2, its limits, and its end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::observe::Observed;
use crate::problem::Problem;
use crate::routes::{self, Peer};

/// The most bytes of a request's line and headers that are answered with more than a bare status.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// What the HTTP parser itself takes of a head, and buffers of a connection.
const MAX_PARSED_HEAD_BYTES: usize = 64 << 10;

/// HTTP/2: bytes that a connection may send ahead of our reading, and requests at a time.
const WINDOW_BYTES: u32 = 256 << 10;
const MAX_CONCURRENT_STREAMS: u32 = 128;

/// Serves a connection until its sender closes it, leaves it idle, or `closing` is set: then requests in flight are
/// finished first. `idle` is how long headers may take, and how long to wait for the next request.
pub async fn serve(stream: TcpStream, peer: IpAddr, router: Router, idle: Duration, closing: CancellationToken) {
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| {
        let response = answer(router.clone(), peer, request);
        let visit = activity.visit();
        async move {
            let response = response.await;
            drop(visit);
            Ok::<_, Infallible>(response)
        }
    });
    let protocol = protocol(idle);
    let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service));
    let is_closing = tokio::select! {
        _ = connection.as_mut() => return,
        () = activity.cease(idle) => false,
        () = closing.cancelled() => true,
    };
    connection.as_mut().graceful_shutdown();
    // Whatever ends a connection here, there is nobody to tell: the sender has its answers or has gone.
    if is_closing {
        let _ended = connection.await;
    } else {
        let _ended = timeout(idle, connection).await;
    }
}

fn protocol(header_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_PARSED_HEAD_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_header_list_size(MAX_PARSED_HEAD_BYTES as u32);
    builder
}

async fn answer(mut router: Router, peer: IpAddr, mut request: Request<Incoming>) -> Response {
    let observed = Observed::begin(routes::label(request.uri().path()));
    let version = request.version();
    let mut response = if head_bytes(&request) > MAX_HEAD_BYTES {
        let detail = format!("the request's line and headers are over the limit of {MAX_HEAD_BYTES} bytes");
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail).into_response()
    } else {
        request.extensions_mut().insert(Peer(peer));
        router.call(request).await.unwrap_or_else(|never| match never {})
    };
    if version < Version::HTTP_2 && leaves_body_unread(response.status()) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    observed.answered(response.status());
    response
}

fn head_bytes(request: &Request<Incoming>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let lines = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    target + lines.sum::<usize>()
}

fn leaves_body_unread(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    )
}

/// How many requests have begun and ended on a connection.
#[derive(Default)]
struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    fn visit(self: &Arc<Self>) -> Visit {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Visit(self.clone())
    }

    /// Returns once there has been no request for `idle`, and for less than twice as long.
    async fn cease(&self, idle: Duration) {
        loop {
            let before = self.begun.load(Ordering::Relaxed);
            sleep(idle).await;
            let now = self.begun.load(Ordering::Relaxed);
            if now == before && now == self.ended.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// A request under way.
struct Visit(Arc<Activity>);

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
