//! MaxMind: metadata, then an archive behind a redirect.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use geodata::update::{Config, MaxMindConfig, Outcome, Urgency};

use super::databases::{md5, mmdb, tar_gz};
use super::desk::{Desk, SECRET};
use super::server::{Answer, Server};

fn desk(base_url: &str) -> Desk {
    let maxmind = MaxMindConfig {
        account_id: Some(4711),
        license_key: Some(SECRET.into()),
        editions: vec!["GeoLite2-City".to_owned()],
        base_url: base_url.into(),
        max_downloads_per_day: 3,
        ..MaxMindConfig::default()
    };
    Desk::new(Config { maxmind, ..Config::default() })
}

fn metadata(date: &str, md5: &str) -> Answer {
    let build = serde_json::json!({"edition_id": "GeoLite2-City", "date": date, "md5": md5});
    Answer::ok(serde_json::json!({"databases": [build]}).to_string())
}

/// Serves this archive as the newest build.
async fn vendor(md5: String, archive: Vec<u8>) -> Server {
    let archive = Arc::new(archive);
    Server::start(move |asked| match asked.target.contains("/metadata?") {
        true => metadata("2026-11-13", &md5),
        false => Answer::ok(archive.to_vec()),
    })
    .await
}

#[tokio::test]
async fn the_archive_is_fetched_without_credentials_where_a_redirect_leads() {
    let database = mmdb(0);
    let archive = Arc::new(tar_gz("GeoLite2_20261120/GeoLite2-City.mmdb", &database));
    let storage = Server::start(move |_| Answer::ok(archive.to_vec())).await;
    let (sum, elsewhere) = (md5(&database), format!("{}/bucket/file?signature=s", storage.url));
    let vendor = Server::start(move |asked| match asked.target.contains("/metadata?") {
        true => metadata("2026-11-13", &sum),
        false => Answer::redirect(&elsewhere),
    })
    .await;
    let desk = desk(&vendor.url);
    let updated = desk.update(Urgency::WhenDue).await.unwrap();
    assert!(matches!(&updated, Outcome::Updated { bytes, .. } if *bytes == database.len() as u64), "{updated:?}");
    assert_eq!(desk.content(), Some(database));
    assert_eq!(desk.record().edition.as_deref(), Some("2026-11-13"));

    let asked = vendor.asked();
    let targets: Vec<_> = asked.iter().map(|asked| asked.target.as_str()).collect();
    let metadata = "/geoip/updates/metadata?edition_id=GeoLite2-City";
    assert_eq!(targets, [metadata, "/geoip/databases/GeoLite2-City/download?date=20261113&suffix=tar.gz"]);
    assert!(asked.iter().all(|asked| asked.headers["authorization"] == "Basic NDcxMTpodW50ZXIyLWh1bnRlcjI="));
    let asked = storage.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].headers.contains_key("authorization"), "{asked:?}");

    assert_eq!(desk.outcome().await, "unchanged");
    assert_eq!(vendor.targets(), [metadata]);
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_the_credentials_and_one_without_end_is_left() {
    let database = mmdb(0);
    let (sum, archive) = (md5(&database), Arc::new(tar_gz("a/b.mmdb", &database)));
    let server = Server::start(move |asked| match asked.target.as_str() {
        "/moved" => Answer::ok(archive.to_vec()),
        target if target.contains("/metadata?") => metadata("2026-11-13", &sum),
        _ => Answer::redirect("/moved"),
    })
    .await;
    let desk = desk(&server.url);
    assert_eq!(desk.outcome().await, "updated");
    assert!(server.asked().iter().all(|asked| asked.headers.contains_key("authorization")));
    server.answer(|_| Answer::redirect("/again"));
    assert_eq!(desk.outcome().await, "redirect");
}

#[tokio::test]
async fn a_database_with_another_checksum_is_not_taken() {
    let old = mmdb(0);
    let server = vendor(md5(b"other"), tar_gz("a/GeoLite2-City.mmdb", &mmdb(1))).await;
    let desk = desk(&server.url);
    desk.put(&old);
    assert_eq!(desk.outcome().await, "checksum");
    assert_eq!(desk.content(), Some(old));
    assert!(desk.record().last_error.unwrap().contains("checksum"));
}

#[tokio::test]
async fn what_is_in_place_already_is_not_downloaded_even_without_a_record() {
    let database = mmdb(0);
    let server = vendor(md5(&database).to_uppercase(), Vec::new()).await;
    let desk = desk(&server.url);
    desk.put(&database);
    assert_eq!(desk.outcome().await, "unchanged");
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn an_archive_without_database_or_with_a_broken_one_is_not_taken() {
    for (archive, content, reason) in [
        (tar_gz("a/GeoLite2-City.csv", b"1,2"), &b""[..], "no_database"),
        (tar_gz("a/GeoLite2-City.mmdb", b"no database"), b"no database", "unsound"),
        (b"<html>proxy".to_vec(), b"<html>proxy", "unsound"),
    ] {
        let server = vendor(md5(content), archive).await;
        let desk = desk(&server.url);
        assert_eq!(desk.outcome().await, reason);
        assert_eq!(desk.content(), None);
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_tried_again_when_it_makes_sense() {
    let day = TimeDelta::hours(24);
    for (answer, reason, earliest, latest) in [
        (Answer::status(401), "credentials", day * 9 / 10, day * 11 / 10),
        (Answer::status(403), "forbidden", day * 9 / 10, day * 11 / 10),
        (Answer::status(404), "not_found", day * 9 / 10, day * 11 / 10),
        (Answer::ok("{\"databases\": []}"), "not_found", day * 9 / 10, day * 11 / 10),
        (Answer::status(429), "quota", day / 4, day / 2),
        (Answer::status(429).with("retry-after", "7200"), "quota", day / 12, day / 8),
        (Answer::status(503).with("retry-after", "7200"), "status", day / 12, day / 8),
        (Answer::status(500), "status", TimeDelta::seconds(30), TimeDelta::seconds(60)),
        (Answer::ok("<html>"), "answer", TimeDelta::seconds(30), TimeDelta::seconds(60)),
        (metadata("13 Nov", "abc"), "answer", TimeDelta::seconds(30), TimeDelta::seconds(60)),
        (Answer::endless(), "answer", TimeDelta::seconds(30), TimeDelta::seconds(60)),
    ] {
        let answer = std::sync::Mutex::new(Some(answer));
        let server = Server::start(move |_| answer.lock().unwrap().take().unwrap_or(Answer::status(418))).await;
        let desk = desk(&server.url);
        assert_eq!(desk.outcome().await, reason);
        let wait = desk.record().next_check.unwrap() - desk.now();
        assert!(wait >= earliest && wait <= latest, "{reason}: {wait}");
        assert!(desk.record().downloads.is_empty());
    }
}

#[tokio::test]
async fn all_editions_share_the_quota_and_keep_it_over_restarts() {
    let server = Server::start(|asked| match asked.target.contains("/metadata?") {
        true => metadata("2026-11-13", &md5(b"never in place")),
        false => Answer::half("cut off"),
    })
    .await;
    let desk = desk(&server.url);
    for _ in 0..3 {
        assert_eq!(desk.outcome().await, "transport");
        desk.wait(TimeDelta::hours(1));
    }
    assert_eq!(server.targets().len(), 6);
    assert_eq!(desk.outcome().await, "quota");
    assert!(server.targets().iter().all(|target| target.contains("/metadata?")));
    let free = desk.now() - TimeDelta::hours(3) + TimeDelta::hours(24);
    let next = desk.record().next_check.unwrap();
    assert!(next >= free && next <= free + Duration::from_secs(60), "{next}");
    desk.wait(TimeDelta::hours(21));
    assert_eq!(desk.outcome().await, "transport");
}
