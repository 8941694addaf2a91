//! The routes: one file each.

mod beacon;
mod cors;
mod demo;
mod events;
mod health;
mod hint;
mod metrics;
mod openapi;
mod pixel;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::get;

use self::beacon::{BEACON, VERSIONED};
pub use self::demo::Demo;
use self::demo::{DEMO, FOLLOWED};
use self::events::EVENTS;
use self::openapi::OPENAPI;
use self::pixel::PIXEL;
use crate::intake::Intake;
use crate::problem::Problem;
use crate::server::RenderMetrics;

const HINT: &str = "/";
const LIVE: &str = "/health/live";
const READY: &str = "/health/ready";
const METRICS: &str = "/metrics";

/// The sender's address, as an extension of its request.
#[derive(Clone, Copy)]
pub struct Peer(pub IpAddr);

/// All routes. Requests carry their [`Peer`].
pub fn router(intake: Arc<Intake>, render_metrics: RenderMetrics, demo: Option<Demo>) -> Router {
    Router::new()
        .route(HINT, get(hint::get))
        .merge(events::router(&intake.admission))
        .route(PIXEL, get(pixel::get).head(pixel::head))
        .route(LIVE, get(health::live))
        .route(READY, get(health::ready))
        .with_state(intake)
        .route(METRICS, get(metrics::get).with_state(render_metrics))
        .route(OPENAPI, get(openapi::get))
        .route(BEACON, get(beacon::get))
        .route(VERSIONED, get(beacon::versioned))
        .merge(demo::router(demo))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

/// The paths of all routes, parameters in braces.
fn paths() -> impl Iterator<Item = &'static str> {
    events::paths().chain([LIVE, READY, METRICS, OPENAPI, HINT, PIXEL, BEACON, VERSIONED, DEMO, FOLLOWED])
}

/// The route of a path as metrics name it: a sender's own words would make series without end.
pub fn label(path: &str) -> &'static str {
    match paths().find(|route| *route == path) {
        Some(route) => route,
        None if path.starts_with(beacon::VERSIONED_PREFIX) => VERSIONED,
        None => "other",
    }
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing here: events are posted to {EVENTS}"))
}

async fn method_not_allowed(method: Method) -> Problem {
    let method: String = method.as_str().chars().take(20).collect();
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for this address; see the Allow header"))
}
