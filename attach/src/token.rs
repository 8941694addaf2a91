//! The bearer token, when one is asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use event::Secret;
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::refusal::Refusal;
use crate::served::Served;

/// Lets a request through that carries the token.
pub(super) async fn demand(State(served): State<Arc<Served>>, request: Request, next: Next) -> Response {
    match &served.config.token {
        Some(token) if !carries(request.headers(), token) => Refusal::not_authorized().into_response(),
        _ => next.run(request).await,
    }
}

fn carries(headers: &HeaderMap, token: &Secret) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return false };
    let Some((scheme, given)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else { return false };
    scheme.eq_ignore_ascii_case("bearer") && given.trim().as_bytes().ct_eq(token.expose().as_bytes()).into()
}

/// The answer to clients that were given an OAuth2 credential, in OAuth2's own form.
pub(super) async fn issue_none() -> Response {
    let description = "this catalog issues no tokens: give the client pageberg's iceberg.rest.token as its `token`, or \
                       nothing when there is none";
    let error = json!({"error": "unsupported_grant_type", "error_description": description});
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_opens() {
        let carries = |value: Option<&str>| {
            let header = value.map(|value| (header::AUTHORIZATION, value.parse().unwrap()));
            carries(&header.into_iter().collect(), &Secret::from("s3cret"))
        };
        for good in ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret"] {
            assert!(carries(Some(good)), "{good}");
        }
        for bad in ["Bearer s3cre", "Bearer s3crets", "Bearer ", "Bearer", "s3cret", "Basic s3cret", "Bearer S3CRET"] {
            assert!(!carries(Some(bad)), "{bad}");
        }
        assert!(!carries(None));
    }
}
