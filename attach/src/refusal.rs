//! What is not answered, and the specification's JSON for it: `{"error": {"message", "type", "code"}}`.

use std::fmt::Display;

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use warehouse::Error;

/// Seconds after which a client may try again what failed because the catalog did.
const RETRY_AFTER: &str = "1";

const READ_ONLY: &str = "this catalog is read-only: post page views to pageberg's /v1/events; to write to the table with \
                         another engine, give it the catalog that pageberg itself writes to instead of this one";

/// An answer that is an error. `kind` is the name of the Java client's exception, as the specification demands.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
    header: Option<(HeaderName, &'static str)>,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, message: impl Display) -> Self {
        Self { status, kind, message: message.to_string(), header: None }
    }

    pub(super) fn bad_request(reason: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequestException", reason)
    }

    pub(super) fn not_authorized() -> Self {
        let message = "this catalog asks for the token that pageberg's setting iceberg.rest.token holds";
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "NotAuthorizedException", message);
        Self { header: Some((header::WWW_AUTHENTICATE, "Bearer")), ..refusal }
    }

    pub(super) fn no_such_namespace(name: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoSuchNamespaceException", format_args!("namespace {name} does not exist"))
    }

    pub(super) fn no_such_table(name: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NoSuchTableException", format_args!("table {name} does not exist"))
    }

    pub(super) fn no_such_endpoint() -> Self {
        let message = "this catalog has no such endpoint; its /v1/config lists those that it has";
        Self::new(StatusCode::NOT_FOUND, "NotFoundException", message)
    }

    pub(super) fn read_only() -> Self {
        Self::new(StatusCode::FORBIDDEN, "ForbiddenException", READ_ONLY)
    }

    /// The catalog or the files behind it failed; the reason is logged and not told.
    pub(super) fn unavailable(error: &Error) -> Self {
        tracing::warn!(error = error as &dyn std::error::Error, "the REST catalog could not answer");
        let message = "pageberg could not read its catalog; its log says why";
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", message);
        Self { header: Some((header::RETRY_AFTER, RETRY_AFTER)), ..refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = self.status.as_u16();
        let error = json!({"error": {"message": self.message, "type": self.kind, "code": code}});
        (self.status, self.header.map(|header| [header]), Json(error)).into_response()
    }
}
