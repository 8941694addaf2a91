//! The key that a sender gives with its request's head.

use std::borrow::Cow;

use axum::http::HeaderName;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use url::form_urlencoded;

use crate::protocols::Asked;

const X_WRITE_KEY: HeaderName = HeaderName::from_static("x-write-key");

/// Trackers differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The first key of: `Authorization: Bearer`, the user of `Authorization: Basic`, `X-Write-Key`, `?key=`.
pub fn of_head<'a>(asked: &Asked<'a>) -> Option<Cow<'a, str>> {
    let header = |name: HeaderName| asked.headers.get(name).and_then(|value| str::from_utf8(value.as_bytes()).ok());
    let given = header(AUTHORIZATION)
        .and_then(of_authorization)
        .or_else(|| header(X_WRITE_KEY).map(|key| Cow::Borrowed(key.trim())))
        .or_else(|| asked.uri.query().and_then(of_query));
    given.filter(|key| !key.is_empty())
}

fn of_authorization(value: &str) -> Option<Cow<'_, str>> {
    let (scheme, credentials) = value.trim().split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Cow::Borrowed(credentials.trim()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(credentials.trim()).ok()?).ok()?;
    let (user, _) = pair.split_once(':')?;
    Some(Cow::Owned(user.to_owned()))
}

fn of_query(query: &str) -> Option<Cow<'_, str>> {
    form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key").map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::*;

    #[test]
    fn a_key_is_found_wherever_senders_put_it() {
        for (name, value, query, key) in [
            ("authorization", "Bearer wk", "", Some("wk")),
            ("authorization", "bearer  wk ", "", Some("wk")),
            ("authorization", "Basic V0sxMjM6", "", Some("WK123")),
            ("authorization", "Basic V0sxMjM6eA", "", Some("WK123")),
            ("authorization", "Basic Ong=", "", None),
            ("authorization", "Basic %%%", "", None),
            ("authorization", "Digest x", "", None),
            ("x-write-key", "wk", "", Some("wk")),
            ("x-other", "x", "key=w%2Fk&x=1", Some("w/k")),
            ("x-write-key", "header", "key=query", Some("header")),
            ("x-other", "x", "monkey=no", None),
            ("x-write-key", "", "", None),
        ] {
            let headers = HeaderMap::from_iter([(name.parse::<HeaderName>().unwrap(), value.parse().unwrap())]);
            let uri = format!("/v1/events?{query}").parse().unwrap();
            let asked = Asked { method: &Method::POST, uri: &uri, headers: &headers };
            assert_eq!(of_head(&asked).as_deref(), key, "{name}: {value} {query}");
        }
    }
}
