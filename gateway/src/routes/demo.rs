//! `GET /demo`: a page that shows its visitor how an event of theirs goes through pageberg, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use event::EventId;
use eventlog::{EventLog, LogError};
use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::follow;
use crate::intake::Intake;
use crate::problem::Problem;

/// The page.
pub const DEMO: &str = "/demo";

/// What becomes of one event.
pub const FOLLOWED: &str = "/demo/events";

const PAGE: &str = include_str!("../../web/demo.html");
const POLICY: &str = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Each reads the newest records of its own.
const MAX_STREAMS: usize = 16;

const STREAM_LIFE: Duration = Duration::from_secs(20);
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// What the demo page's streams share.
pub struct Demo {
    log: Arc<dyn EventLog>,
    /// The topics that an event goes through, each after the name of the step.
    steps: Vec<(&'static str, String)>,
    streams: Arc<Semaphore>,
    closing: CancellationToken,
}

impl Demo {
    /// A demo of the events that this intake takes; `enriched` is the topic that holds them with their places, if any does.
    pub fn new(intake: &Intake, enriched: Option<String>) -> Self {
        let steps = [("logged", Some(intake.topic.clone())), ("enriched", enriched)];
        Self {
            log: intake.log.clone(),
            steps: steps.into_iter().filter_map(|(step, topic)| Some((step, topic?))).collect(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            closing: intake.closing.clone(),
        }
    }

    /// Resolves when a stream that begins now has to end.
    fn end(&self) -> impl Future<Output = ()> + use<> {
        let closing = self.closing.clone();
        async move {
            tokio::select! {
                () = closing.cancelled() => {}
                () = sleep(STREAM_LIFE) => {}
            }
        }
    }
}

/// The query of a stream: only who sent the event knows its id.
#[derive(Deserialize)]
pub struct Followed {
    id: String,
}

/// The demo's routes; none when there is no demo.
pub fn router(demo: Option<Demo>) -> Router {
    let Some(demo) = demo else { return Router::new() };
    Router::new().route(DEMO, get(page)).route(FOLLOWED, get(follow)).with_state(Arc::new(demo))
}

async fn page() -> ([(HeaderName, &'static str); 3], &'static str) {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")];
    (headers, PAGE)
}

/// An event for each step that is reached in time, then `end`.
async fn follow(
    State(demo): State<Arc<Demo>>,
    query: Result<Query<Followed>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let id = query.ok().and_then(|Query(followed)| EventId::parse(&followed.id));
    let id = id.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "id must be the UUID of an event"))?;
    let busy =
        |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many events are looked for").retry_after_seconds(5);
    let permit = demo.streams.clone().try_acquire_owned().map_err(busy)?;
    let (log, end) = (demo.log.clone(), demo.end());
    let steps = stream::iter(demo.steps.clone()).then(move |(step, topic)| {
        let log = log.clone();
        async move { told(step, &topic, follow::find(&*log, &topic, id).await) }
    });
    let ended = stream::once(async { Event::default().event("end").data("{}") });
    let events = steps.take_until(end).chain(ended).map(move |event| {
        let _held = &permit;
        Ok(event)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn told(step: &'static str, topic: &str, found: Result<(i32, i64, Value), LogError>) -> Event {
    match found {
        Ok((partition, offset, record)) => {
            let told = json!({"topic": topic, "partition": partition, "offset": offset, "record": record});
            Event::default().event(step).data(told.to_string())
        }
        Err(error) => {
            warn!(topic, error = &error as &dyn std::error::Error, "the demo page cannot read the log");
            Event::default().event("failed").data(json!(step).to_string())
        }
    }
}
