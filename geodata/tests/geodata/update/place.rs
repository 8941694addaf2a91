//! The file in its place: crashes, full disks, other processes.

use std::fs;

use geodata::update::{Config, Urgency, UrlConfig};

use super::databases::mmdb;
use super::desk::{Desk, word};
use super::server::{Answer, Server};

async fn desk() -> (Desk, Server) {
    let server = Server::start(|_| Answer::ok(mmdb(1))).await;
    let url = UrlConfig { url: Some(server.url.as_str().into()), ..UrlConfig::default() };
    (Desk::new(Config { urls: [("city".to_owned(), url)].into(), ..Config::default() }), server)
}

#[tokio::test]
async fn what_a_crash_before_the_rename_left_is_removed_and_the_old_file_stays_until_then() {
    let (desk, server) = desk().await;
    desk.put(&mmdb(0));
    let beside = |name: &str| desk.file().with_file_name(name);
    fs::write(beside(".city.mmdb.download"), "half").unwrap();
    fs::write(beside(".city.mmdb.new"), mmdb(1)).unwrap();
    fs::write(beside("updates.json.new"), "{").unwrap();
    server.answer(|_| Answer::status(500));
    assert_eq!(desk.outcome().await, "status");
    assert_eq!(desk.content(), Some(mmdb(0)));
    assert_eq!(desk.files(), ["city.mmdb", "updates.json", "updates.lock"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_put_in_place_is_told_and_tried_again() {
    let (desk, _server) = desk().await;
    fs::create_dir_all(desk.file().join("in the way")).unwrap();
    assert_eq!(desk.outcome().await, "disk");
    fs::remove_dir_all(desk.file()).unwrap();
    assert_eq!(word(&desk.update(Urgency::WhenDue).await), "not_due");
    assert_eq!(desk.outcome().await, "updated");
}

#[tokio::test]
async fn nobody_is_asked_when_the_folder_cannot_be_written() {
    let (desk, server) = desk().await;
    let folder = desk.file().parent().unwrap().to_owned();
    fs::write(&folder, "no folder").unwrap();
    let updater = desk.updater();
    let result = updater.update_once(&updater.sources()[0], Urgency::Now, &|_, _| {}).await;
    assert_eq!(word(&result), "disk");
    assert_eq!(server.targets(), Vec::<String>::new());
}

#[tokio::test]
async fn one_process_updates_at_a_time() {
    let (desk, server) = desk().await;
    server.answer(|_| Answer::silent());
    let (updater, other) = (desk.updater(), desk.updater());
    let nothing = |_, _| {};
    let first = updater.update_once(&updater.sources()[0], Urgency::Now, &nothing);
    let second = async {
        while server.targets().is_empty() {
            tokio::task::yield_now().await;
        }
        other.update_once(&other.sources()[0], Urgency::Now, &nothing).await
    };
    tokio::select! {
        result = first => panic!("{result:?}"),
        result = second => assert_eq!(word(&result), "busy"),
    }
}

#[tokio::test]
async fn an_update_that_is_interrupted_leaves_the_old_file_and_counts_as_a_download() {
    let (desk, server) = desk().await;
    desk.put(&mmdb(0));
    server.answer(|_| Answer::silent());
    let updater = desk.updater();
    let unfinished = desk.file().with_file_name(".city.mmdb.download");
    let begun = async {
        while !unfinished.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = updater.update_once(&updater.sources()[0], Urgency::Now, &|_, _| {}) => panic!("{result:?}"),
        () = begun => {}
    }
    assert_eq!(desk.content(), Some(mmdb(0)));
    assert_eq!(desk.record().downloads.len(), 1);
    server.answer(|_| Answer::ok(mmdb(1)));
    assert_eq!(desk.outcome().await, "updated");
    assert_eq!(desk.record().downloads.len(), 2);
}
