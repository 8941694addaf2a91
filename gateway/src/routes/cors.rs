//! Lets pages of other origins post events and read the answer.

use std::time::Duration;

use axum::http::header::{ORIGIN, RETRY_AFTER};
use axum::http::{HeaderValue, Method};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// How long a browser may keep a preflight's answer.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers preflights and names the allowed origin; credentials are never allowed.
pub fn layer(allowed_origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::POST])
        .allow_headers(Any)
        .expose_headers([RETRY_AFTER])
        .max_age(PREFLIGHT_MAX_AGE);
    if allowed_origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(Any).vary([]);
    }
    let origins = allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    layer.allow_origin(AllowOrigin::list(origins)).vary([ORIGIN])
}
