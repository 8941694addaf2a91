//! One connection: HTTP/1.1 or HTTP/2, its limits, and its end.

mod activity;
mod sent;

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::time::sleep;
use tokio_util::io::InspectReader;
use tokio_util::sync::CancellationToken;

use self::activity::Activity;
use self::sent::Sent;
use crate::config::Config;
use crate::observe::Observed;
use crate::problem::Problem;
use crate::routes::{self, Routes};
use crate::transport::Established;

/// What the HTTP parser takes of a head, and buffers of a connection, beyond what a head may have: so much larger ones are
/// answered with more than a bare status.
const HEAD_SURPLUS_BYTES: usize = 16 << 10;

/// Heads up to this size are not counted among what is held in memory.
const USUAL_HEAD_BYTES: usize = 16 << 10;

/// HTTP/2: bytes that a connection may send ahead of our reading, and requests at a time.
const WINDOW_BYTES: u32 = 256 << 10;
const MAX_CONCURRENT_STREAMS: u32 = 128;

/// HTTP/2: streams that a sender begins and resets, or that it makes us reset, before the connection is closed: of the
/// first kind those not yet looked at (CVE-2023-44487), of the second all (CVE-2025-8671).
const MAX_RESET_STREAMS: usize = 100;

/// HTTP/2: bytes of an answer that wait for its reader, per stream.
const MAX_UNSENT_STREAM_BYTES: usize = 64 << 10;

/// The limits of a connection.
#[derive(Clone, Copy)]
pub struct Limits {
    /// How long headers may take.
    head: Duration,
    /// How long to wait for the next request.
    idle: Duration,
    /// How long a part of an answer may wait to be sent.
    patience: Duration,
    /// Most bytes of a request's line and headers.
    max_head_bytes: usize,
}

/// The bytes of a large head, as an extension of its request.
#[derive(Clone, Copy)]
pub struct LargeHead(pub usize);

impl Limits {
    /// As configured.
    pub fn of(config: &Config) -> Self {
        Self {
            head: Duration::from_millis(config.header_timeout_ms),
            idle: Duration::from_millis(config.idle_timeout_ms),
            patience: Duration::from_millis(config.answer_timeout_ms),
            max_head_bytes: config.max_head_bytes,
        }
    }
}

/// What ends connections from outside.
#[derive(Clone)]
pub struct Ends {
    /// No more requests are wanted.
    pub closing: CancellationToken,
    /// Requests in flight are not waited for any more.
    pub aborting: CancellationToken,
}

/// What happens beside a connection.
#[derive(Clone, Copy)]
enum Beside {
    Idle,
    Closing,
    GivenUp,
}

/// Serves a connection until its sender closes it, leaves it idle, does not read its answers, or it is to end: then
/// requests in flight are finished first.
pub async fn serve(established: Established, routes: Routes, limits: Limits, ends: Ends) {
    let Established { stream, peer, place: _place } = established;
    let activity = Arc::new(Activity::default());
    activity.expect_head();
    // Of this connection alone, so that requests of others do not wait for the same counts of references.
    let routes = Arc::new(routes);
    let service = service_fn(|request| {
        let (activity, visit) = (activity.clone(), activity.visit(request.version() >= Version::HTTP_2));
        let response = answer(routes.clone(), peer, request, limits.max_head_bytes);
        async move { Ok::<_, Infallible>(response.await.map(|body| Sent::new(body, &activity, visit))) }
    });
    let protocol = protocol(limits.max_head_bytes);
    let reading = activity.clone();
    let stream = InspectReader::new(stream, move |_: &[u8]| reading.expect_head());
    let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service));
    let mut beside = watch(&activity, limits, ends);
    loop {
        let happened = tokio::select! {
            biased;
            // Whatever ends a connection here, there is nobody to tell: the sender has its answers or has gone.
            _ = connection.as_mut() => return,
            happened = beside.next() => happened,
        };
        match happened {
            None | Some(Beside::GivenUp) => return,
            Some(Beside::Closing) => connection.as_mut().graceful_shutdown(),
            Some(Beside::Idle) => {
                connection.as_mut().graceful_shutdown();
                beside.push(sleep(limits.idle).map(|()| Beside::GivenUp).boxed());
            }
        }
    }
}

/// All that is waited for beside a connection. A connection is polled for each part of each request; these only when
/// something happens.
fn watch(activity: &Arc<Activity>, limits: Limits, ends: Ends) -> FuturesUnordered<BoxFuture<'static, Beside>> {
    let (reader, sender, beginner) = (activity.clone(), activity.clone(), activity.clone());
    FuturesUnordered::from_iter([
        async move { beginner.linger(limits.head).await }.map(|()| Beside::GivenUp).boxed(),
        async move { sender.cease(limits.idle).await }.map(|()| Beside::Idle).boxed(),
        async move { reader.stall(limits.patience).await }.map(|()| Beside::GivenUp).boxed(),
        ends.closing.cancelled_owned().map(|()| Beside::Closing).boxed(),
        ends.aborting.cancelled_owned().map(|()| Beside::GivenUp).boxed(),
    ])
}

fn protocol(max_head_bytes: usize) -> auto::Builder<TokioExecutor> {
    let buffer_bytes = max_head_bytes.saturating_add(HEAD_SURPLUS_BYTES);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // It would count from the last answer on: see `Activity::linger`.
        .header_read_timeout(None)
        .max_buf_size(buffer_bytes)
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_RESET_STREAMS)
        .max_send_buf_size(MAX_UNSENT_STREAM_BYTES)
        .max_header_list_size(u32::try_from(buffer_bytes).unwrap_or(u32::MAX));
    builder
}

async fn answer(routes: Arc<Routes>, peer: IpAddr, mut request: Request<Incoming>, max_head_bytes: usize) -> Response {
    let observed = Observed::begin(routes::label(request.uri().path()));
    let version = request.version();
    let head_bytes = head_bytes(&request);
    let mut response = if head_bytes > max_head_bytes {
        let detail = format!("the request's line and headers are over the limit of {max_head_bytes} bytes");
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail).into_response()
    } else {
        if head_bytes > USUAL_HEAD_BYTES {
            request.extensions_mut().insert(LargeHead(head_bytes));
        }
        routes.answer(peer, request).await
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
