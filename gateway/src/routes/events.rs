//! The addresses that take events: each a path, its methods and the protocol spoken there.

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::{Request, State};
use axum::http;
use axum::routing::{MethodFilter, MethodRouter, on};
use tower_http::cors::CorsLayer;

use super::{Peer, method_not_allowed};
use crate::intake::Intake;
use crate::protocols::{
    Gtag, Matomo, MeasurementProtocol, Native, Plausible, PostHog, Protocol, Segment, Snowplow, Umami,
};

/// Where our own protocol is spoken.
pub const EVENTS: &str = "/v1/events";

const POST: MethodFilter = MethodFilter::POST;
const GET_OR_POST: MethodFilter = MethodFilter::GET.or(POST);

/// Every address that takes events.
const INTAKES: &[(&str, MethodFilter, &dyn Protocol)] = &[
    (EVENTS, POST, &Native),
    ("/api/event", POST, &Plausible),
    ("/api/send", POST, &Umami),
    ("/api/batch", POST, &Umami),
    ("/v1/page", POST, &Segment),
    ("/v1/track", POST, &Segment),
    ("/v1/identify", POST, &Segment),
    ("/v1/screen", POST, &Segment),
    ("/v1/group", POST, &Segment),
    ("/v1/alias", POST, &Segment),
    ("/v1/batch", POST, &Segment),
    ("/v1/import", POST, &Segment),
    ("/v1/p", POST, &Segment),
    ("/v1/t", POST, &Segment),
    ("/v1/i", POST, &Segment),
    ("/v1/s", POST, &Segment),
    ("/v1/g", POST, &Segment),
    ("/v1/a", POST, &Segment),
    ("/v1/b", POST, &Segment),
    ("/com.snowplowanalytics.snowplow/tp2", POST, &Snowplow),
    ("/i", MethodFilter::GET, &Snowplow),
    ("/matomo.php", GET_OR_POST, &Matomo),
    ("/piwik.php", GET_OR_POST, &Matomo),
    ("/e", GET_OR_POST, &PostHog),
    ("/e/", GET_OR_POST, &PostHog),
    ("/i/v0/e", GET_OR_POST, &PostHog),
    ("/i/v0/e/", GET_OR_POST, &PostHog),
    ("/batch", POST, &PostHog),
    ("/batch/", POST, &PostHog),
    ("/capture", GET_OR_POST, &PostHog),
    ("/capture/", GET_OR_POST, &PostHog),
    ("/mp/collect", POST, &MeasurementProtocol),
    ("/g/collect", GET_OR_POST, &Gtag),
];

/// The paths, as metrics name them.
pub fn paths() -> impl Iterator<Item = &'static str> {
    INTAKES.iter().map(|(path, ..)| *path)
}

/// The protocol of a request that sends events.
pub fn protocol<B>(request: &http::Request<B>) -> Option<&'static dyn Protocol> {
    let method = MethodFilter::try_from(request.method().clone()).ok()?;
    let path = request.uri().path();
    let mut intakes = INTAKES.iter();
    let found = intakes.find(|(known, methods, _)| *known == path && methods.or(method) == *methods);
    found.map(|(.., protocol)| *protocol)
}

/// Their routes.
pub fn router(cors: &CorsLayer) -> Router<Arc<Intake>> {
    let add = |router: Router<Arc<Intake>>, (path, methods, protocol): &(&str, MethodFilter, &'static dyn Protocol)| {
        router.route(path, intake(*methods, *protocol).fallback(method_not_allowed).layer(cors.clone()))
    };
    INTAKES.iter().fold(Router::new(), add)
}

/// 2xx once the good events are durable; a problem otherwise.
fn intake(methods: MethodFilter, protocol: &'static dyn Protocol) -> MethodRouter<Arc<Intake>> {
    let take = move |State(intake): State<Arc<Intake>>, Extension(Peer(peer)): Extension<Peer>, request: Request| {
        intake.take(protocol, peer, request)
    };
    on(methods, take)
}
