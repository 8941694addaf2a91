//! Whose events are taken, and what is told to the others.

use std::sync::Arc;

use gateway::{Config, FieldLimits, Site};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};

use crate::support::{Server, post_with, total};

fn sites(sites: Value) -> Config {
    Config { sites: serde_json::from_value::<Vec<Site>>(sites).unwrap(), ..Config::default() }
}

fn shop_and_blog() -> Config {
    sites(json!([
        {"name": "shop", "aliases": ["11-22"], "allowed_origins": ["https://shop.example"], "write_keys": ["wk-shop"],
         "server_keys": ["secret"]},
        {"name": "blog", "allowed_origins": ["*.blog.example"], "write_keys": ["WK123"]},
    ]))
}

async fn observed(config: Config, metrics: &PrometheusHandle) -> Server {
    let render = metrics.clone();
    Server::start_rendering(config, Arc::new(move || render.render())).await
}

#[tokio::test]
async fn an_event_belongs_to_the_site_of_its_key_or_else_its_name_or_else_its_page() {
    let server = Server::start(shop_and_blog()).await;
    let (page, bare) = (r#"{"url":"https://www.blog.example/a"}"#, r#"{"url":"/a"}"#);
    for (headers, body, site) in [
        ("X-Write-Key: wk-shop\r\n", page, "shop"),
        ("Authorization: Bearer wk-shop\r\n", r#"{"url":"/a","site":"blog"}"#, "shop"),
        ("Authorization: Basic V0sxMjM6\r\n", bare, "blog"),
        ("", r#"{"url":"https://www.blog.example/a","site":"11-22"}"#, "shop"),
        ("", r#"{"url":"/a","site":"blog"}"#, "blog"),
        ("Origin: https://shop.example\r\n", bare, "shop"),
        ("Referer: https://a.blog.example/page?x\r\n", bare, "blog"),
        ("Origin: https://shop.example\r\n", r#"{"url":"/a","site":"unheard-of"}"#, "shop"),
        ("", page, "blog"),
        ("", r#"{"host":"shop.example"}"#, "shop"),
        ("Origin: https://elsewhere.example\r\nAuthorization: Bearer secret\r\n", bare, "shop"),
    ] {
        let answer = server.send(post_with(headers, body)).await;
        assert_eq!(answer.status, 200, "{headers} {body}: {}", answer.text());
        assert_eq!(server.log.events().last().unwrap()["site"], site, "{headers} {body}");
    }
    let query =
        format!("POST /v1/events?key=wk-shop HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{bare}", bare.len());
    assert_eq!(server.send(query).await.status, 200);
    let batch = r#"{"writeKey":"wk-shop","batch":[{"type":"page","anonymousId":"a","properties":{"url":"/a"}}]}"#;
    let segment = format!("POST /v1/batch HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{batch}", batch.len());
    assert_eq!(server.send(segment).await.status, 200);
    assert!(server.log.events()[11..].iter().all(|event| event["site"] == "shop"));
}

#[tokio::test]
async fn events_of_no_site_unknown_keys_and_foreign_pages_are_refused_and_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = observed(shop_and_blog(), &metrics).await;
    let bare = r#"{"url":"/a"}"#;
    for (headers, body, status, part) in [
        ("", bare, 403, "belongs to no configured site"),
        ("", r#"[{"url":"/a"},{"url":"https://elsewhere.example/"}]"#, 403, "none of the 2 events"),
        ("", r#"{"url":"/a","site":"unheard-of"}"#, 403, "belongs to no configured site"),
        (
            "Origin: https://elsewhere.example\r\n",
            r#"{"url":"https://shop.example/"}"#,
            403,
            "in no configured site's allowed_origins",
        ),
        ("Origin: https://elsewhere.example\r\nX-Write-Key: wk-shop\r\n", bare, 403, "origin is not one of"),
        ("Origin: https://a.blog.example\r\n", r#"{"url":"/","site":"shop"}"#, 403, "origin is not one of"),
        ("Origin: null\r\nX-Write-Key: wk-shop\r\n", bare, 403, "origin is not one of"),
        ("X-Write-Key: wk-sho\r\n", bare, 401, "not one of a configured site"),
        ("Authorization: Bearer secret2\r\nX-Write-Key: wk-shop\r\n", bare, 401, "not one of a configured site"),
    ] {
        let answer = server.send(post_with(headers, body)).await;
        answer.assert_problem(status, part);
        let challenge = (status == 401).then_some("Bearer realm=\"pageberg\"");
        assert_eq!(answer.header("www-authenticate"), challenge, "{headers}");
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
    assert_eq!(server.log.appends(), 0);
    let some = server.post(r#"[{"url":"https://shop.example/"},{"url":"/a"}]"#).await;
    assert_eq!((some.status, &some.json()["accepted"]), (207, &1.into()), "{}", some.text());
    for (reason, events) in [("unknown_site", 5.0), ("foreign_origin", 4.0), ("unknown_key", 2.0)] {
        assert_eq!(total(&metrics, "pageberg_refusals_total", reason), events, "{reason}");
    }
    assert_eq!(total(&metrics, "pageberg_events_total", "rejected"), 11.0);
    assert_eq!(total(&metrics, "pageberg_events_total", ""), 12.0);
}

#[tokio::test]
async fn local_pages_are_answered_as_ignored_and_not_recorded_when_so_configured() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let server = observed(Config { ignore_local: true, ..Config::default() }, &metrics).await;
    let alone = server.post(r#"{"url":"http://localhost:3000/"}"#).await;
    assert_eq!(alone.status, 200);
    let ignored = json!({"accepted": 0, "ignored": 1, "rejected": 0,
                         "results": [{"index": 0, "ignored": "the page is local"}]});
    assert_eq!(alone.json(), ignored);
    assert_eq!(server.log.appends(), 0);
    let some = server.post(r#"[{"url":"file:///a.html"},{"url":"https://example.com/"},{}]"#).await;
    let json = some.json();
    assert_eq!(
        (some.status, &json["accepted"], &json["ignored"], &json["rejected"]),
        (207, &1.into(), &1.into(), &1.into())
    );
    assert_eq!(server.log.records().len(), 1);
    for (outcome, events) in [("ignored", 2.0), ("accepted", 1.0), ("rejected", 1.0), ("", 4.0)] {
        assert_eq!(total(&metrics, "pageberg_events_total", outcome), events, "{outcome}");
    }
    let recorded = Server::start(Config::default()).await;
    assert_eq!(recorded.post(r#"{"url":"file:///a.html"}"#).await.json()["accepted"], 1);
}

#[tokio::test]
async fn a_field_that_is_too_long_is_refused_by_name_and_never_cut() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let limits = FieldLimits { url_chars: 10, property_chars: 20, ..FieldLimits::default() };
    let server = observed(Config { field_limits: limits, ..Config::default() }, &metrics).await;
    let long = server.post(r#"{"url":"/0123456789"}"#).await;
    long.assert_problem(400, r#""detail":"url is over the limit of 10 characters","field":"url""#);
    let some = server.post(r#"[{"url":"/1"},{"url":"/2","props":{"plan":"0123456789abcdef"}}]"#).await;
    assert_eq!(some.status, 207);
    assert_eq!(some.json()["results"][1]["error"]["field"], "props");
    assert_eq!(total(&metrics, "pageberg_refusals_total", "field_too_long"), 2.0);
    assert_eq!(server.log.records().len(), 1);
}
