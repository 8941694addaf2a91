//! The routes: one file each.

mod cors;
mod events;
mod health;
mod hint;
mod metrics;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::routing::get;

use self::events::EVENTS;
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
pub fn router(intake: Arc<Intake>, render_metrics: RenderMetrics) -> Router {
    Router::new()
        .route(HINT, get(hint::get))
        .merge(events::router(&intake.admission))
        .route(LIVE, get(health::live))
        .route(READY, get(health::ready))
        .with_state(intake)
        .route(METRICS, get(metrics::get).with_state(render_metrics))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

/// The route of a path as metrics name it: a sender's own words would make series without end.
pub fn label(path: &str) -> &'static str {
    events::paths().chain([LIVE, READY, METRICS, HINT]).find(|route| *route == path).unwrap_or("other")
}

async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing here: events are posted to {EVENTS}"))
}

async fn method_not_allowed(method: Method) -> Problem {
    let method: String = method.as_str().chars().take(20).collect();
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for this address; see the Allow header"))
}
