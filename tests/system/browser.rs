//! A real browser, driven by tests/browser: what its pages tell ends in Postgres, each event once.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tokio_postgres::Row;

use crate::postgres::{PostgresServer, connect};
use crate::server::{Server, shared};

/// A site whose pages come from another origin than the collector, and senders that nobody trusts.
const SITE: &str = r#"
    [gateway]
    trusted_senders = []
    [[gateway.sites]]
    name = "blog"
    aliases = ["blog.example"]
    allowed_origins = ["http://site.test"]
    write_keys = ["blog-key"]
"#;

/// An address with a known place.
const KNOWN_ADDRESS: &str = "83.149.9.216";

/// Runs a script of tests/browser against a gateway; returns what it prints.
async fn run(script: &str, gateway: &str, arguments: &[&str]) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let set_up = Command::new(project.join("dev/browser.sh")).stderr(Stdio::inherit()).output().unwrap();
    assert!(set_up.status.success(), "dev/browser.sh failed");
    let mut node = Command::new("node");
    node.arg(project.join("tests/browser").join(script)).arg(String::from_utf8(set_up.stdout).unwrap().trim());
    node.arg(gateway).args(arguments).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || node.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).unwrap()
}

/// A server that takes the events of [`SITE`] into Postgres, and the database's URL.
async fn server_of_site(database: &PostgresServer) -> (Server, String) {
    let (url, config) = (database.database().await, tempfile::NamedTempFile::new().unwrap());
    std::fs::write(&config, SITE).unwrap();
    let config = config.path().display().to_string();
    let server = Server::start(&["--config", &config, "--postgres", &url, "--sinks", "postgres"], &[]).await;
    (server, url)
}

/// Each row's columns of text, in the order of the events.
async fn rows<const N: usize>(server: &Server, url: &str, columns: [&str; N]) -> Vec<[String; N]> {
    server.until_delivered().await;
    let columns = columns.map(|column| format!("coalesce(({column})::text, '')")).join(", ");
    let query = format!("SELECT {columns} FROM processed_events ORDER BY event_timestamp, event_id");
    let rows = connect(url).await.query(&query, &[]).await.unwrap();
    rows.iter().map(|row: &Row| std::array::from_fn(|column| row.get(column))).collect()
}

fn owned<const N: usize>(rows: &[[&str; N]]) -> Vec<[String; N]> {
    rows.iter().map(|row| row.map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_trackers_of_others_tell_from_another_origin_ends_in_postgres_once() {
    let database = PostgresServer::shared();
    let (mut server, url) = server_of_site(&database).await;
    run("trackers.mjs", &server.url(), &[]).await;

    let title = "properties::json->>'title'";
    let mut told = rows(&server, &url, ["event_name", "url", title]).await;
    // How long a page was looked at, Plausible tells when it is left, if the browser lets it.
    told.retain(|[name, ..]| name != "engagement");
    told.sort_by_key(|[name, page, _]| (page.clone(), name.clone()));
    let page = |name: &str| format!("http://site.test/{name}?utm_source=news");
    let pages = ["plausible-official", "plausible", "segment", "snowplow"].map(page);
    let [official, plausible, segment, snowplow] = pages.each_ref().map(String::as_str);
    assert_eq!(
        told,
        owned(&[
            ["pageview", official, ""],
            ["signup", official, ""],
            ["pageview", plausible, ""],
            ["signup", plausible, ""],
            ["pageview", segment, "Page of segment"],
            ["signup", segment, "Page of segment"],
            ["pageview", snowplow, "Page of snowplow"],
            ["signup", snowplow, ""],
        ])
    );
    let visit = ["event_name", "referrer", "site", "browser", "device", "is_bot", "utm_source", "ip"];
    for [name, referrer, visit @ ..] in rows(&server, &url, visit).await {
        assert_eq!(referrer, if name == "engagement" { "" } else { "http://news.test/story" }, "{name}");
        assert_eq!(visit, ["blog", "Chrome", "desktop", "false", "news", "127.0.0.1"], "{name}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_beacon_tells_ends_in_postgres_once_whatever_the_collector_did() {
    let database = PostgresServer::shared();
    let (mut server, url) = server_of_site(&database).await;
    run("beacon.mjs", &server.url(), &[]).await;

    let [title, props, driven] = ["title", "props", "webdriver"].map(|key| format!("properties::json->>'{key}'"));
    let told = rows(&server, &url, ["event_name", "url", "referrer", &title, &props, &driven]).await;
    let (site, news, filtered) = ("http://site.test/", "http://news.test/story", "http://site.test/?filter=1");
    let (shop, landing) = ("http://site.test/shop", "http://site.test/?utm_source=news");
    let page = |query: &str| format!("{site}page?{query}");
    let made_ahead = page("made-ahead");
    assert_eq!(
        told[..8],
        owned(&[
            ["pageview", landing, news, "Home", "", ""],
            ["early", landing, news, "Home", r#"{"n":1}"#, ""],
            ["pageview", shop, filtered, "Shop", "", ""],
            ["signup", shop, filtered, "Shop", r#"{"plan":"pro"}"#, ""],
            ["pageview", filtered, shop, "Shop", "", ""],
            ["pageview", filtered, shop, "Shop", "", ""],
            ["pageview", &made_ahead, "", "Page", "", "true"],
            ["seen", &made_ahead, "", "Page", "", "true"],
        ])
    );
    let urls: Vec<&String> = told[8..].iter().map(|[_, url, ..]| url).collect();
    assert_eq!(urls, ["fallback", "503", "down", "lose", "hang", "pass"].map(page).iter().collect::<Vec<_>>());
    for row in rows(&server, &url, ["site", "browser", "properties::json->>'screen'", "is_bot"]).await {
        assert_eq!(row, ["blog", "Chrome", "1280x720", "false"]);
    }
    let script = reqwest::get(format!("{}/beacon.js", server.url())).await.unwrap();
    assert!(!script.headers().contains_key("set-cookie"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_page_shows_its_visitor_their_own_event_with_its_place() {
    let geo = shared("geo/derived/logs-city-flat.mmdb");
    let mut server = Server::start(&["--geo", &geo, "--sinks", "kafka"], &[]).await;
    let shown = run("demo.mjs", &server.url(), &[KNOWN_ADDRESS]).await;

    let shown: Value = serde_json::from_str(&shown).unwrap();
    let steps: Vec<&str> = shown["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    assert_eq!(steps.len(), 3);
    assert!(
        steps[0].contains("?page=2") && steps[1].contains("Moscow") && steps[1].contains("\"signup\""),
        "{steps:#?}"
    );
    assert_eq!(shown["failed"], Value::Array(Vec::new()));
    server.stop().await;
}
