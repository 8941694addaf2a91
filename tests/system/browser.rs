//! A real browser, driven by tests/browser: what its pages tell ends in Postgres, each event once.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use testkit::services::postgres::{connect, new_database};
use tokio_postgres::Row;

use crate::server::{Server, fixture};

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

/// The folder of what the scripts of tests/browser need, set up once for all tests.
static HOME: LazyLock<String> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/browser.sh");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "dev/browser.sh failed");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
});

/// Runs a script of tests/browser; returns what it prints.
async fn run(script: &str, arguments: &[&str]) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script);
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let node = move || Command::new("node").arg(file).arg(&*HOME).args(arguments).stderr(Stdio::inherit()).output();
    let output = tokio::task::spawn_blocking(node).await.unwrap().unwrap();
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).unwrap()
}

/// A server that takes the events of [`SITE`] into Postgres, and the database's URL.
async fn server_of_site() -> (Server, String) {
    let (url, config) = (new_database().await, tempfile::NamedTempFile::new().unwrap());
    std::fs::write(&config, SITE).unwrap();
    let config = config.path().display().to_string();
    let server = Server::start(&["--config", &config, "--postgres", &url, "--sinks", "postgres"], &[]).await;
    (server, url)
}

/// Each row's columns as text, sorted.
async fn rows<const N: usize>(server: &Server, url: &str, columns: [&str; N]) -> Vec<[String; N]> {
    server.until_delivered().await;
    let columns = columns.map(|column| format!("coalesce(({column})::text, '')")).join(", ");
    let query = format!("SELECT {columns} FROM processed_events");
    let rows = connect(url).await.query(&query, &[]).await.unwrap();
    sorted(rows.iter().map(|row: &Row| std::array::from_fn(|column| row.get(column))))
}

fn sorted<T: Ord>(rows: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut rows: Vec<T> = rows.into_iter().collect();
    rows.sort();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_trackers_of_others_tell_from_another_origin_ends_in_postgres_once() {
    let (mut server, url) = server_of_site().await;
    run("trackers.mjs", &[&server.url()]).await;

    let title = "properties::json->>'title'";
    let mut told = rows(&server, &url, ["event_name", "url", title]).await;
    // How long a page was looked at, Plausible tells when it is left, if the browser lets it.
    told.retain(|[name, ..]| name != "engagement");
    let page = |name: &str| format!("http://site.test/{name}?utm_source=news");
    let tell = |(name, title): (&str, &str)| {
        [["pageview".to_owned(), page(name), title.to_owned()], ["signup".to_owned(), page(name), title.to_owned()]]
    };
    let expected = [
        ("plausible-official", ""),
        ("plausible", ""),
        ("segment", "Page of segment"),
        ("snowplow", "Page of snowplow"),
    ];
    let mut expected: Vec<_> = expected.into_iter().flat_map(tell).collect();
    // Snowplow's structured events have no title.
    expected[7][2].clear();
    assert_eq!(told, sorted(expected));
    let visit = ["event_name", "referrer", "site", "browser", "device", "is_bot", "utm_source", "ip"];
    for [name, referrer, visit @ ..] in rows(&server, &url, visit).await {
        assert_eq!(referrer, if name == "engagement" { "" } else { "http://news.test/story" }, "{name}");
        assert_eq!(visit, ["blog", "Chrome", "desktop", "false", "news", "127.0.0.1"], "{name}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_beacon_tells_ends_in_postgres_once_whatever_the_collector_did() {
    let (mut server, url) = server_of_site().await;
    run("beacon.mjs", &[&server.url()]).await;

    let [title, props, driven] = ["title", "props", "webdriver"].map(|key| format!("properties::json->>'{key}'"));
    let told = rows(&server, &url, ["event_name", "url", "referrer", &title, &props, &driven]).await;
    let (news, filtered) = ("http://news.test/story", "http://site.test/?filter=1");
    let (shop, landing) = ("http://site.test/shop", "http://site.test/?utm_source=news");
    let page = |query: &str| format!("http://site.test/page?{query}");
    let made_ahead = page("made-ahead");
    let expected = [
        ["pageview", landing, news, "Home", "", ""],
        ["early", landing, news, "Home", r#"{"n":1}"#, ""],
        ["pageview", shop, filtered, "Shop", "", ""],
        ["signup", shop, filtered, "Shop", r#"{"plan":"pro"}"#, ""],
        // The way back, and the way back from another page.
        ["pageview", filtered, shop, "Shop", "", ""],
        ["pageview", filtered, shop, "Shop", "", ""],
        ["pageview", &made_ahead, "", "Page", "", "true"],
        ["seen", &made_ahead, "", "Page", "", "true"],
    ];
    let outage = ["fallback", "503", "down", "lose", "hang", "pass"].map(page);
    let outage = outage.iter().map(|url| ["pageview", url, "", "Page", "", ""]);
    assert_eq!(told, sorted(expected.into_iter().chain(outage).map(|row| row.map(str::to_owned))));
    for row in rows(&server, &url, ["site", "browser", "properties::json->>'screen'", "is_bot"]).await {
        assert_eq!(row, ["blog", "Chrome", "1280x720", "false"]);
    }
    let script = reqwest::get(format!("{}/beacon.js", server.url())).await.unwrap();
    assert!(!script.headers().contains_key("set-cookie"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_page_shows_its_visitor_their_own_event_with_its_place() {
    let geo = fixture("geo/city/logs-city-flat.mmdb");
    let mut server = Server::start(&["--geo", &geo, "--sinks", "kafka"], &[]).await;
    let shown = run("demo.mjs", &[&server.url(), KNOWN_ADDRESS]).await;

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

#[tokio::test(flavor = "multi_thread")]
async fn trackers_send_today_what_the_gateway_s_tests_have_captured() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway/tests/protocols/captures.jsonl");
    let printed = run("capture.mjs", &["--check", captures.to_str().unwrap()]).await;
    assert!(printed.contains(" requests are as in "), "{printed}");
}
