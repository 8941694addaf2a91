//! `GET /metrics`: what the process counts, in the text format of Prometheus.

use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;

use crate::server::RenderMetrics;

/// The rendered metrics.
pub async fn get(State(render): State<RenderMetrics>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render())
}
