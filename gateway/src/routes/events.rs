//! The addresses that take events: each a path, its methods and the protocol spoken there.

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::extract::{Request, State};
use axum::routing::{MethodFilter, MethodRouter, on};

use super::{Peer, cors, method_not_allowed};
use crate::config::Config;
use crate::intake::Intake;
use crate::protocols::{Native, Protocol};

/// Where our own protocol is spoken.
pub const EVENTS: &str = "/v1/events";

const POST: MethodFilter = MethodFilter::POST;

/// Every address that takes events.
const INTAKES: &[(&str, MethodFilter, &dyn Protocol)] = &[(EVENTS, POST, &Native)];

/// The paths, as metrics name them.
pub fn paths() -> impl Iterator<Item = &'static str> {
    INTAKES.iter().map(|(path, ..)| *path)
}

/// Their routes.
pub fn router(config: &Config) -> Router<Arc<Intake>> {
    let cors = cors::layer(&config.cors_allowed_origins);
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
