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

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::ORIGIN;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use axum::routing::get;
use futures::FutureExt;
use hyper::body::Incoming;
use tower::{Layer, Service, service_fn};
use tower_http::cors::CorsLayer;

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

/// All routes.
#[derive(Clone)]
pub struct Routes {
    intake: Arc<Intake>,
    cors: Arc<CorsLayer>,
    router: Router,
}

impl Routes {
    /// The routes to an intake and to what stands beside it.
    pub fn new(intake: Arc<Intake>, render_metrics: RenderMetrics, demo: Option<Demo>) -> Self {
        let cors = cors::layer(&intake.admission);
        let router = router(intake.clone(), &cors, render_metrics, demo);
        Self { intake, cors: Arc::new(cors), router }
    }

    /// Answers a request of this peer. One that sends events, as most do, is spared the way through the router.
    pub async fn answer(&self, peer: IpAddr, mut request: Request<Incoming>) -> Response {
        let answered = match events::protocol(&request) {
            Some(protocol) => {
                let take = |request: Request<Incoming>| {
                    // On the heap, as it is large and is moved several times on its way into the connection.
                    Box::pin(self.intake.clone().take(protocol, peer, request.map(Body::new))).map(Ok)
                };
                // No page asks whether it may read the answer, and none would be told anything else.
                if self.intake.admission.accepts_all()
                    && request.method() == Method::POST
                    && !request.headers().contains_key(ORIGIN)
                {
                    take(request).await
                } else {
                    self.cors.layer(service_fn(take)).call(request).await
                }
            }
            None => {
                request.extensions_mut().insert(Peer(peer));
                self.router.clone().call(request).await
            }
        };
        answered.unwrap_or_else(|never: Infallible| match never {})
    }
}

/// Requests carry their [`Peer`].
fn router(intake: Arc<Intake>, cors: &CorsLayer, render_metrics: RenderMetrics, demo: Option<Demo>) -> Router {
    Router::new()
        .route(HINT, get(hint::get))
        .merge(events::router(cors))
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
