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
use tokio_util::sync::CancellationToken;

use self::activity::Activity;
use self::sent::Sent;
use crate::config::Config;
use crate::observe::Observed;
use crate::problem::Problem;
use crate::routes::{self, Routes};
use crate::transport::Established;

/// The most bytes of a request's line and headers that are answered with more than a bare status.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// What the HTTP parser itself takes of a head, and buffers of a connection.
const MAX_PARSED_HEAD_BYTES: usize = 64 << 10;

/// HTTP/2: bytes that a connection may send ahead of our reading, and requests at a time.
const WINDOW_BYTES: u32 = 256 << 10;
const MAX_CONCURRENT_STREAMS: u32 = 128;

/// HTTP/2: streams that a sender begins and resets, or that it makes us reset, before the connection is closed: of the
/// first kind those not yet looked at (CVE-2023-44487), of the second all (CVE-2025-8671).
const MAX_RESET_STREAMS: usize = 100;

/// HTTP/2: bytes of an answer that wait for its reader, per stream.
const MAX_UNSENT_STREAM_BYTES: usize = 64 << 10;

/// The limits of a connection's time.
#[derive(Clone, Copy)]
pub struct Limits {
    /// How long headers may take, and how long to wait for the next request.
    idle: Duration,
    /// How long a part of an answer may wait to be sent.
    patience: Duration,
}

impl Limits {
    /// As configured.
    pub fn of(config: &Config) -> Self {
        Self {
            idle: Duration::from_millis(config.header_timeout_ms),
            patience: Duration::from_millis(config.answer_timeout_ms),
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
    // Of this connection alone, so that requests of others do not wait for the same counts of references.
    let routes = Arc::new(routes);
    let service = service_fn(|request| {
        let (response, activity, visit) = (answer(routes.clone(), peer, request), activity.clone(), activity.visit());
        async move { Ok::<_, Infallible>(response.await.map(|body| Sent::new(body, &activity, visit))) }
    });
    let protocol = protocol(limits.idle);
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
    let (reader, sender) = (activity.clone(), activity.clone());
    FuturesUnordered::from_iter([
        async move { sender.cease(limits.idle).await }.map(|()| Beside::Idle).boxed(),
        async move { reader.stall(limits.patience).await }.map(|()| Beside::GivenUp).boxed(),
        ends.closing.cancelled_owned().map(|()| Beside::Closing).boxed(),
        ends.aborting.cancelled_owned().map(|()| Beside::GivenUp).boxed(),
    ])
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
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_RESET_STREAMS)
        .max_send_buf_size(MAX_UNSENT_STREAM_BYTES)
        .max_header_list_size(MAX_PARSED_HEAD_BYTES as u32);
    builder
}

async fn answer(routes: Arc<Routes>, peer: IpAddr, request: Request<Incoming>) -> Response {
    let observed = Observed::begin(routes::label(request.uri().path()));
    let version = request.version();
    let mut response = if head_bytes(&request) > MAX_HEAD_BYTES {
        let detail = format!("the request's line and headers are over the limit of {MAX_HEAD_BYTES} bytes");
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail).into_response()
    } else {
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
