//! The updater that runs as long as the server.

use std::time::{Duration, Instant};

use geodata::update::{self, Config, UrlConfig};
use tokio_util::sync::CancellationToken;

use super::databases::mmdb;
use super::desk::Desk;
use super::server::{Answer, Server};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn every_source_is_fetched_at_the_start_and_not_again_before_it_is_time() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/missing" => Answer::status(404),
        _ => Answer::ok(mmdb(0)),
    })
    .await;
    let url =
        |path: &str| UrlConfig { url: Some(format!("{}{path}", server.url).as_str().into()), ..UrlConfig::default() };
    let urls = [("a".to_owned(), url("/missing")), ("b".to_owned(), url("/b"))].into();
    let desk = Desk::new(Config { urls, ..Config::default() });
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(update::run(desk.updater(), shutdown.clone()));
    let updater = desk.updater();
    let checked =
        || updater.state().is_ok_and(|state| state.sources.get("url/b").is_some_and(|b| b.last_check.is_some()));
    let started = Instant::now();
    while !checked() {
        assert!(started.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(std::fs::read(updater.sources()[1].file()).unwrap(), mmdb(0));
    shutdown.cancel();
    running.await.unwrap();

    server.asked();
    let shutdown = CancellationToken::new();
    let again = update::run(desk.updater(), shutdown.clone());
    tokio::time::timeout(Duration::from_millis(300), again).await.unwrap_err();
    assert_eq!(server.targets(), Vec::<String>::new());
}
