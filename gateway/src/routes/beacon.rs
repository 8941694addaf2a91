//! `GET /beacon.js`: the script that tells of a page's views; the same for ever under the address that names its content.

use std::io::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName,
    IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::not_found;

/// The address for pages: it follows updates.
pub const BEACON: &str = "/beacon.js";

/// The address of one version, `/beacon-VERSION.js`.
pub const VERSIONED: &str = "/beacon-{version}";

/// How such an address begins.
pub const VERSIONED_PREFIX: &str = "/beacon-";

const SOURCE: &str = include_str!("../../web/beacon.js");
const VERSION_BYTES: usize = 8;

const A_DAY: &str = "public, max-age=86400, stale-while-revalidate=604800";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

static SCRIPT: LazyLock<Script> = LazyLock::new(Script::new);

struct Script {
    plain: String,
    gzip: Bytes,
    version: String,
}

impl Script {
    fn new() -> Self {
        let plain = without_comments(SOURCE);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(plain.as_bytes()).and_then(|()| encoder.finish());
        let digest = Sha256::digest(&plain);
        let version = digest.iter().take(VERSION_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Self { plain, gzip: written.expect("memory takes all bytes").into(), version }
    }

    fn has_tag(&self, tag: &str) -> bool {
        let tag = tag.trim().trim_start_matches("W/").trim_matches('"');
        tag == "*" || tag.strip_suffix("-gzip").unwrap_or(tag) == self.version
    }
}

/// The source without what only its readers need: blank lines, lines of comment, indentation.
fn without_comments(source: &str) -> String {
    let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The script, to be asked for again each day.
pub async fn get(headers: HeaderMap) -> Response {
    script(&headers, A_DAY)
}

/// The script as it is for ever. Of any other version pages get the present one, or an update would silence them.
pub async fn versioned(Path(version): Path<String>, headers: HeaderMap) -> Response {
    match version.strip_suffix(".js") {
        Some(version) if version == SCRIPT.version => script(&headers, FOR_EVER),
        Some(_) => ([(CACHE_CONTROL, A_DAY)], Redirect::temporary(BEACON)).into_response(),
        None => not_found().await.into_response(),
    }
}

fn script(asked: &HeaderMap, caching: &'static str) -> Response {
    let is_gzip = takes_gzip(asked);
    let tag = format!("\"{}{}\"", SCRIPT.version, if is_gzip { "-gzip" } else { "" });
    let mut response = if values(asked, &IF_NONE_MATCH).any(|tag| SCRIPT.has_tag(tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if is_gzip {
        ([(CONTENT_ENCODING, "gzip")], SCRIPT.gzip.clone()).into_response()
    } else {
        SCRIPT.plain.as_str().into_response()
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::try_from(tag).expect("hexadecimal digits"));
    for (name, value) in [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, caching),
        (VARY, "accept-encoding"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // For pages that check what they load (integrity), or let nothing in that does not say it may.
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// RFC 9110, section 12.5.3.
fn takes_gzip(asked: &HeaderMap) -> bool {
    values(asked, &ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().trim_start_matches("q=").parse::<f32>();
        matches!(name.trim(), "gzip" | "x-gzip" | "*") && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// The parts of a header that is a list.
fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stays_under_two_kilobytes() {
        assert!(SCRIPT.gzip.len() < 2_000, "{} bytes", SCRIPT.gzip.len());
    }

    #[test]
    fn only_what_a_reader_needs_is_left_away() {
        assert_eq!(without_comments("// Why.\n\n  a('//b') // c\n"), "a('//b') // c\n");
        assert!(!SOURCE.contains('`'), "a text over several lines would lose its indentation");
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (header, takes) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, gzip;q=0.8", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, br", false),
            ("identity", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!(takes_gzip(&headers), takes, "{header}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
