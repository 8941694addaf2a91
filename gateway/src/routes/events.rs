//! `POST /v1/events`: one JSON object, an array or NDJSON, whatever the content type; plain, gzip or zstd.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Peer;
use crate::intake::Intake;

/// 200 or 207 once the good events are durable; a problem otherwise.
pub async fn post(
    State(intake): State<Arc<Intake>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    intake.take(peer, &headers, body).await
}
