//! `geo` as a person meets it, and a server that fetches its databases.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::Value;
use testkit::fixtures;

const SECRET: &str = "hunter2-hunter2";
const DEADLINE: Duration = Duration::from_secs(60);

fn city() -> Vec<u8> {
    fixtures::read("geo/city/logs-city-geoip2.mmdb")
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pageberg"));
    command.current_dir(dir).env_clear().args(arguments);
    command
}

async fn pageberg(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = command(dir, arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn says_no_secret(output: &Output) {
    let told = stdout(output) + &stderr(output);
    assert!(!told.contains(SECRET), "{told}");
}

/// A vendor on a port of its own; the folder has a configuration of one good source, and one whose key is refused.
async fn vendor(dir: &Path) -> String {
    let good = |query: RawQuery, headers: HeaderMap| async move {
        let asked = format!("{query:?} {headers:?}");
        assert!(asked.contains(&format!("token={SECRET}")) && headers["x-api-key"] == SECRET, "{asked}");
        match headers.get("if-none-match") {
            Some(_) => Err(StatusCode::NOT_MODIFIED),
            None => Ok(([("etag", "\"1\"")], city())),
        }
    };
    let refused = || async { StatusCode::UNAUTHORIZED };
    let words = || async { format!("THIS FILE CAN ONLY BE DOWNLOADED 5 TIMES, {SECRET}") };
    let router = Router::new()
        .route("/good", get(good))
        .route("/geoip/updates/metadata", get(refused))
        .route("/download/", get(words));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = format!(
        "log_filter = 'trace'\n\
         [geo.refresh]\ncheck_interval_ms = 50\n\
         [geo.update.urls.good]\nurl = '{url}/good?token={SECRET}'\nheader_name = 'X-Api-Key'\nheader_secret = '{SECRET}'\n\
         [geo.update.maxmind]\nbase_url = '{url}'\naccount_id = 1\nlicense_key = '{SECRET}'\neditions = ['GeoLite2-City']\n\
         [geo.update.ip2location]\nbase_url = '{url}'\ntoken = '{SECRET}'\ncodes = ['DB11LITEBIN']\n"
    );
    std::fs::write(dir.join("pageberg.toml"), config).unwrap();
    url
}

#[tokio::test]
async fn an_update_tells_what_became_of_each_source_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    vendor(dir.path()).await;
    let first = pageberg(dir.path(), &["geo", "update"]).await;
    let told = stdout(&first);
    for line in [
        "failed     maxmind/GeoLite2-City: the vendor does not know these credentials; check the account, the key",
        "failed     ip2location/DB11LITEBIN: the vendor's limit of downloads is reached; wait",
        "updated    url/good: GeoLite2-City@20",
    ] {
        assert!(told.contains(line), "{line} in {told}{}", stderr(&first));
    }
    assert!(!first.status.success() && stderr(&first).contains("2 of 3 geo databases were not updated"));
    assert_eq!(std::fs::read(dir.path().join("data/geo/good.mmdb")).unwrap(), city());

    let second = pageberg(dir.path(), &["geo", "update", "url/good", "ip2location/DB11LITEBIN"]).await;
    let told = stdout(&second);
    assert!(told.contains("unchanged  url/good: data/geo/good.mmdb is the newest\n"), "{told}");
    assert!(told.contains("not due    ip2location/DB11LITEBIN: next at 20"), "{told}");
    assert!(second.status.success());
    let forced = pageberg(dir.path(), &["geo", "update", "--force", "url/good"]).await;
    assert!(forced.status.success() && stdout(&forced).starts_with("unchanged"), "{}", stdout(&forced));
    let unknown = pageberg(dir.path(), &["geo", "update", "url/godo"]).await;
    assert!(stderr(&unknown).contains("there is no source url/godo; configured are maxmind/GeoLite2-City, "));
    for output in [&first, &second, &forced, &pageberg(dir.path(), &["config"]).await] {
        says_no_secret(output);
    }
    let state = std::fs::read_to_string(dir.path().join("data/geo/updates.json")).unwrap();
    assert!(!state.contains(SECRET) && state.contains("credentials"), "{state}");
}

#[tokio::test]
async fn the_status_tells_of_files_and_updates_without_a_server() {
    let dir = tempfile::tempdir().unwrap();
    let nothing = pageberg(dir.path(), &["geo", "status"]).await;
    assert!(nothing.status.success() && stdout(&nothing).starts_with("no geo database is configured"));

    vendor(dir.path()).await;
    pageberg(dir.path(), &["geo", "update"]).await;
    let own = fixtures::path("geo/ip2location/IP2LOCATION-LITE-DB1.BIN");
    let arguments = ["geo", "status", "--geo", own.to_str().unwrap()];
    let status = pageberg(dir.path(), &arguments).await;
    let told = stdout(&status);
    for part in [
        "IP2LOCATION-DB1@2021-05-28, IP2Location BIN, ",
        " days old\n  knows country, country_name\n",
        "data/geo/GeoLite2-City.mmdb\n  cannot be used: ",
        "\n  maxmind/GeoLite2-City: updated never, checked never, next 20",
        "\n  failed 1 times in a row, last: the vendor does not know these credentials\n",
        "data/geo/good.mmdb\n  GeoLite2-City@20",
        "IP2Location LITE data",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let json = pageberg(dir.path(), &[&arguments[..], &["--json"]].concat()).await;
    let report: Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(report["databases"][0]["format"], "IP2Location BIN");
    assert_eq!(report["databases"][0]["fields"][0], "country");
    assert_eq!(report["databases"][3]["update"]["source"], "url/good");
    assert_eq!(report["databases"][3]["update"]["etag"], "\"1\"");
    says_no_secret(&status);
    says_no_secret(&json);
}

#[tokio::test]
async fn a_check_tells_what_a_file_is_or_what_is_wrong_with_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("page.mmdb"), "<html>").unwrap();
    let damaged = fixtures::path("geo/maxmind-db/test-data/GeoIP2-City-Test-Broken-Double-Format.mmdb");
    let sound = [fixtures::path("geo/city/logs-DB11.BIN"), fixtures::path("geo/city/logs-city-flat.mmdb")];
    let check = ["geo", "check", "--lookups", "20000"];
    let sound = [sound[0].to_str().unwrap(), sound[1].to_str().unwrap()];
    let output = pageberg(dir.path(), &[&check[..], &sound].concat()).await;
    let told = stdout(&output);
    for part in
        ["ok      ", "IP2LOCATION-DB11@20", "MMDB, ", "knows country, ", "IPv4: ", " of 17,242 addresses, IPv6: "]
    {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(output.status.success(), "{}", stderr(&output));

    let unsound = ["page.mmdb", "none.mmdb", damaged.to_str().unwrap()];
    let output = pageberg(dir.path(), &[&check[..], &unsound, &sound].concat()).await;
    let told = stdout(&output);
    assert_eq!(told.lines().filter(|line| line.starts_with("failed  ")).count(), 3, "{told}");
    assert!(told.contains("none.mmdb: cannot be read") && stderr(&output).contains("3 of 5 files are no sound"));
    assert!(!output.status.success());
}

#[tokio::test]
async fn addresses_are_looked_up_as_they_come_and_what_is_none_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let database = fixtures::path("geo/city/logs-city-flat.mmdb");
    let lookup = ["geo", "lookup", "--geo", database.to_str().unwrap(), "8.8.8.8", "-"];
    let mut child = command(dir.path(), &lookup)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"83.149.9.216\nnobody\n\n 10.0.0.1 \n").unwrap();
    let output = child.wait_with_output().unwrap();
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| (line["ip"].as_str().unwrap(), &line["place"]["country"])).collect();
    let none = Value::Null;
    assert_eq!(
        told,
        [("8.8.8.8", &"US".into()), ("83.149.9.216", &"RU".into()), ("nobody", &none), ("10.0.0.1", &none)]
    );
    assert!(lines[2]["error"].is_string() && lines[3]["error"].is_null());
    assert!(!output.status.success() && stderr(&output).contains("1 argument is no IP address"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_without_repeating_keys() {
    let dir = tempfile::tempdir().unwrap();
    for (config, told) in [
        (
            "[geo.update.maxmind]\nlicense_key = 471147114711",
            "geo.update.maxmind.license_key (from pageberg.toml): must be text",
        ),
        ("[geo.update.urls.a]\nurl = 471147114711", "geo.update.urls.a.url (from pageberg.toml): must be text"),
        ("[geo.update.maxmind]\neditions = ['GeoLite2-City']", "geo.update: maxmind.account_id is not set"),
        ("[geo.update.dbip]\nedition = 'city-lite'", "did you mean geo.update.dbip.editions?"),
    ] {
        std::fs::write(dir.path().join("pageberg.toml"), config).unwrap();
        let output = pageberg(dir.path(), &["geo", "update"]).await;
        assert!(!output.status.success() && stderr(&output).contains(told), "{told}: {}", stderr(&output));
        assert!(!stderr(&output).contains("471147114711"));
    }
    std::fs::remove_file(dir.path().join("pageberg.toml")).unwrap();
    let output = pageberg(dir.path(), &["geo", "update"]).await;
    assert!(stderr(&output).contains("nothing is to be fetched"), "{}", stderr(&output));
}

/// Ends the server with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_server_fetches_its_databases_and_takes_them_up_without_their_being_named_again() {
    let dir = tempfile::tempdir().unwrap();
    vendor(dir.path()).await;
    let status = testkit::ports::reserved_address();
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--status", &status];
    let mut serve = command(dir.path(), &arguments);
    let _running = Running(serve.stdout(Stdio::null()).stderr(log).spawn().unwrap());

    let logged = || std::fs::read_to_string(dir.path().join("log")).unwrap();
    let started = Instant::now();
    let databases = loop {
        let answer = reqwest::get(format!("http://{status}/status")).await;
        let report: Value = match answer {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Value::Null,
        };
        let databases = report["geo"]["databases"].to_string();
        if databases.contains("GeoLite2-City@20") {
            break databases;
        }
        assert!(started.elapsed() < DEADLINE, "{report}\n{}", logged());
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(!databases.contains(SECRET));
    let metrics = reqwest::get(format!("http://{status}/metrics")).await.unwrap().text().await.unwrap();
    for metric in [
        "pageberg_geo_updates_total{source=\"url/good\",outcome=\"updated\"} 1",
        "pageberg_geo_updates_total{source=\"maxmind/GeoLite2-City\",outcome=\"credentials\"} 1",
        "pageberg_geo_update_last_success_timestamp_seconds{source=\"url/good\"} ",
    ] {
        assert!(metrics.contains(metric), "{metric} in {metrics}");
    }
    let logged = logged();
    assert!(logged.contains("a newer geo database is in place") && logged.contains("a geo database was not updated"));
    assert!(!logged.contains(SECRET) && !metrics.contains(SECRET));
}
