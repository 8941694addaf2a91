//! Lets pages of other origins send events and read the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{HeaderName, ORIGIN, RETRY_AFTER};
use axum::http::{HeaderValue, Method};
use tower_http::cors::{AllowCredentials, AllowHeaders, AllowOrigin, Any, CorsLayer};

use crate::admission::Admission;

/// How long a browser may keep a preflight's answer.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Answers preflights. Where any page is taken, any may read the answer, without credentials; else an origin of a site is
/// named and may use credentials, and no other is.
pub fn layer(admission: &Arc<Admission>) -> CorsLayer {
    // Not `*` for the headers: that would leave out Authorization (Fetch, section 4.9).
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([RETRY_AFTER, RATELIMIT])
        .max_age(PREFLIGHT_MAX_AGE);
    if admission.accepts_all() {
        return layer.allow_origin(Any).vary([]);
    }
    let is_known = |admission: Arc<Admission>| {
        move |origin: &HeaderValue, _: &_| origin.to_str().is_ok_and(|origin| admission.knows_origin(origin))
    };
    layer
        .allow_origin(AllowOrigin::predicate(is_known(admission.clone())))
        .allow_credentials(AllowCredentials::predicate(is_known(admission.clone())))
        .vary([ORIGIN])
}
