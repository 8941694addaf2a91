//! DB-IP: this month's file, or last month's.

use std::sync::Arc;

use chrono::TimeDelta;
use geodata::update::{Config, DbIpConfig, Urgency};

use super::databases::{gzip, mmdb};
use super::desk::{Desk, word};
use super::server::{Answer, Server};

const THIS_MONTH: &str = "/free/dbip-city-lite-2026-11.mmdb.gz";
const LAST_MONTH: &str = "/free/dbip-city-lite-2026-10.mmdb.gz";

fn desk(server: &Server) -> Desk {
    let dbip = DbIpConfig {
        editions: vec!["city-lite".to_owned()],
        base_url: format!("{}/free/", server.url).as_str().into(),
        ..DbIpConfig::default()
    };
    Desk::new(Config { dbip, ..Config::default() })
}

#[tokio::test]
async fn last_months_file_serves_until_this_months_is_there() {
    let files: Arc<[Vec<u8>; 2]> = Arc::new([gzip(&mmdb(0)), gzip(&mmdb(1))]);
    let (last, this) = (files.clone(), files);
    let server = Server::start(move |asked| match asked.target == LAST_MONTH {
        true => Answer::ok(last[0].clone()),
        false => Answer::status(404),
    })
    .await;
    let desk = desk(&server);
    assert_eq!(desk.outcome().await, "updated");
    assert_eq!(server.targets(), [THIS_MONTH, LAST_MONTH]);
    assert_eq!((desk.content(), desk.record().edition.as_deref()), (Some(mmdb(0)), Some("2026-10")));

    assert_eq!(desk.outcome().await, "unchanged");
    assert_eq!(server.targets(), [THIS_MONTH]);
    assert_eq!(desk.record().downloads.len(), 1);

    server.answer(move |_| Answer::ok(this[1].clone()));
    assert_eq!(desk.outcome().await, "updated");
    assert_eq!((desk.content(), desk.record().edition.as_deref()), (Some(mmdb(1)), Some("2026-11")));
    assert_eq!(server.targets(), [THIS_MONTH]);
    assert_eq!(desk.outcome().await, "unchanged");
    assert_eq!(server.targets(), Vec::<String>::new());

    std::fs::remove_file(desk.file()).unwrap();
    assert_eq!(word(&desk.update(Urgency::WhenDue).await), "updated");
}

#[tokio::test]
async fn an_edition_that_is_not_there_in_either_month_is_told() {
    let server = Server::start(|_| Answer::status(404)).await;
    let desk = desk(&server);
    assert_eq!(desk.outcome().await, "not_found");
    assert_eq!(server.targets(), [THIS_MONTH, LAST_MONTH]);
    let wait = desk.record().next_check.unwrap() - desk.now();
    assert!(wait > TimeDelta::hours(21), "{wait}");
}
