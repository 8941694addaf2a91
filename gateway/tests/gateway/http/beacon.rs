//! The beacon's script as browsers and caches get it.

use std::io::Read;

use flate2::read::GzDecoder;
use gateway::Config;

use crate::support::{Answer, Server};

async fn get(server: &Server, path: &str, headers: &str) -> Answer {
    server.send(format!("GET {path} HTTP/1.1\r\nHost: t\r\n{headers}\r\n")).await
}

/// Caching, tag, and what the answer varies by.
fn caching(answer: &Answer) -> [&str; 3] {
    ["cache-control", "etag", "vary"].map(|name| answer.header(name).unwrap_or_default())
}

#[tokio::test]
async fn the_script_is_small_for_those_who_take_gzip_and_the_same_for_all() {
    let server = Server::start(Config::default()).await;
    let plain = get(&server, "/beacon.js", "").await;
    let zipped = get(&server, "/beacon.js", "Accept-Encoding: gzip, br\r\n").await;
    assert_eq!((plain.header("content-encoding"), zipped.header("content-encoding")), (None, Some("gzip")));
    assert!(zipped.body.len() < 2_000, "{} bytes", zipped.body.len());
    let mut unzipped = Vec::new();
    GzDecoder::new(zipped.body.as_slice()).read_to_end(&mut unzipped).unwrap();
    assert!(unzipped == plain.body && plain.text().contains("keepalive"));
    for answer in [&plain, &zipped] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("cross-origin"));
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_ne!(plain.header("etag"), zipped.header("etag"));
}

#[tokio::test]
async fn a_cache_that_has_the_script_is_told_so() {
    let server = Server::start(Config::default()).await;
    let first = get(&server, "/beacon.js", "Accept-Encoding: gzip\r\n").await;
    let [_, tag, vary] = caching(&first);
    assert_eq!(vary, "accept-encoding");
    for tags in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let headers = format!("Accept-Encoding: gzip\r\nIf-None-Match: {tags}\r\n");
        let again = get(&server, "/beacon.js", &headers).await;
        assert_eq!((again.status, again.body.len(), caching(&again)), (304, 0, caching(&first)), "{tags}");
    }
    assert_eq!(get(&server, "/beacon.js", "If-None-Match: \"other\"\r\n").await.status, 200);
}

#[tokio::test]
async fn a_version_never_changes_and_an_old_one_leads_to_the_present() {
    let server = Server::start(Config::default()).await;
    let script = get(&server, "/beacon.js", "").await;
    let version = script.header("etag").unwrap().trim_matches('"');
    let pinned = get(&server, &format!("/beacon-{version}.js"), "").await;
    assert_eq!((pinned.status, &pinned.body), (200, &script.body));
    assert!(caching(&pinned)[0].contains("immutable") && !caching(&script)[0].contains("immutable"));
    let old = get(&server, "/beacon-0123456789abcdef.js", "").await;
    assert_eq!((old.status, old.header("location")), (307, Some("/beacon.js")));
    get(&server, "/beacon-x.css", "").await.assert_problem(404, "there is nothing here");
}
