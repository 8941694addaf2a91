//! Looking places up again: what changes, what stays, and what others do meanwhile.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

use event::{Enriched, Place, Reenriched, Reenrichment, Relocated, Text, Timestamp, Verdicts};
use iceberg::expr::Predicate;
use serde_json::{Value, json};
use warehouse::{Config, Error, Table};

use lakekit::table::*;

use crate::table::delete_by_position;

const DAY: i64 = 86_400_000_000;
const OLD: &str = "city@1";
const TODAY: &str = "city@2";

fn place(country: &str) -> Place {
    Place { country: Some(country.into()), latitude: Some(1.5), asn: Some(7), ..Place::default() }
}

/// What the new database tells: a country for each of the addresses 192.0.2.x, nothing for 198.51.100.x.
fn today(ip: &str) -> Option<Relocated> {
    let place = match ip.rsplit_once('.')? {
        ("192.0.2", host) => place(&format!("N{}", host.parse::<u8>().ok()? % 10)),
        ("198.51.100", _) => Place::default(),
        _ => return None,
    };
    Some(Relocated { place: place.into(), database: TODAY.into() })
}

fn days(range: Range<i64>) -> Range<Timestamp> {
    let at = |day: i64| Timestamp::from_micros(day * DAY).unwrap();
    at(range.start)..at(range.end)
}

/// An event of a day as the old database saw it.
fn visit(offset: i64, day: i64, ip: &str) -> Enriched {
    let mut enriched = at_micros(offset, day * DAY + offset);
    enriched.event.set(Text::Url, Some(&format!("https://shop.example/{offset}")));
    enriched.event.set(Text::Ip, Some(ip));
    enriched.place = Arc::new(place("OLD"));
    enriched.geo_database = Some(OLD.into());
    enriched
}

/// Looks these days up again.
pub async fn reenrich(table: &mut Table, range: Range<i64>) -> Reenriched {
    try_reenrich(table, range, |_| ControlFlow::Continue(())).await.unwrap()
}

async fn try_reenrich(
    table: &mut Table,
    range: Range<i64>,
    mut watch: impl FnMut(&Reenriched) -> ControlFlow<()> + Send,
) -> Result<Reenriched, Error> {
    let asked = Reenrichment { range: days(range), dry_run: false, locate: &mut today, watch: &mut watch };
    table.reenrich(asked).await
}

fn changed(changed: u64) -> Verdicts {
    Verdicts { changed, ..Verdicts::default() }
}

/// The rows, each with the country that the range 10..12 gets when it is looked up again.
fn expected(before: &[Value]) -> Vec<Value> {
    let mut rows = before.to_vec();
    for row in &mut rows {
        let day = &row["event_timestamp"].as_str().unwrap()[..10];
        let is_in_range = ["1970-01-11", "1970-01-12"].contains(&day);
        let Some(found) = row["ip"].as_str().and_then(today).filter(|_| is_in_range) else { continue };
        row["geo_database"] = json!(TODAY);
        row["geo"] = match &found.place.country {
            None => Value::Null,
            Some(country) => geo(country),
        };
    }
    rows
}

fn geo(country: &str) -> Value {
    json!({
        "country": country, "country_name": null, "state": null, "region_code": null, "city": null, "continent": null,
        "postcode": null, "latitude": 1.5, "longitude": null, "accuracy_km": null, "timezone": null, "asn": 7,
        "as_org": null,
    })
}

fn rows(folder: &Path) -> [Vec<Value>; 2] {
    both_readers(folder, &["rows"]).map(|rows| rows.as_array().unwrap().clone())
}

async fn snapshot(folder: &Path) -> i64 {
    other_table(folder).await.metadata().current_snapshot_id().unwrap()
}

/// Rows that both readers find by their country.
fn with_country(folder: &Path, country: &str) -> usize {
    let [duckdb, pyiceberg] = both_readers(folder, &["country", country]);
    assert_eq!(duckdb, pyiceberg);
    duckdb["rows"].as_u64().unwrap() as usize
}

#[tokio::test]
async fn rows_of_the_range_get_todays_places_and_nothing_else_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    let ips = ["192.0.2.1", "198.51.100.1", "10.0.0.1", "c0ffee", "192.0.2.0"];
    let of_days = |from: i64| -> Vec<Enriched> {
        (from..from + 50).map(|offset| visit(offset, 9 + offset % 4, ips[offset as usize % 5])).collect()
    };
    deliver(&mut table, &of_days(0)).await;
    deliver(&mut table, &of_days(50)).await;
    let mut bare = visit(100, 10, "");
    bare.event.set(Text::Ip, None);
    bare.place = Arc::default();
    bare.geo_database = None;
    deliver(&mut table, &[bare, visit(101, 300, "192.0.2.1")]).await;
    let before = rows(folder.path());

    let done = reenrich(&mut table, 10..12).await;
    let rows_of_range = Verdicts { changed: 30, not_public: 20, no_address: 1, current: 0 };
    assert_eq!((done.rows, done.parts, done.parts_done, done.files_replaced), (rows_of_range, 5, 5, 4));
    for (before, after) in before.iter().zip(rows(folder.path())) {
        assert_eq!(after.len(), 102);
        assert_eq!(after, expected(before));
    }
    let of = |country| expected(&before[0]).iter().filter(|row| row["geo"]["country"] == country).count();
    for country in ["N1", "N0", "OLD"] {
        assert_eq!(with_country(folder.path(), country), of(country), "{country}");
    }

    let (stood_at, positions) = (snapshot(folder.path()).await, table.positions(TOPIC).unwrap());
    let again = reenrich(&mut table, 10..12).await;
    assert_eq!(again.rows, Verdicts { current: 30, changed: 0, ..rows_of_range });
    assert_eq!((again.files_replaced, snapshot(folder.path()).await), (0, stood_at));
    assert_eq!((positions.get(0), open(folder.path()).await.positions(TOPIC).unwrap()), (Some(102), positions));
    deliver(&mut table, &[visit(102, 10, "192.0.2.1")]).await;
    assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 103);
}

#[tokio::test]
async fn the_new_snapshot_tells_the_positions_and_what_was_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[visit(0, 10, "192.0.2.1"), visit(1, 11, "192.0.2.1")]).await;
    deliver(&mut table, &[visit(2, 10, "192.0.2.1")]).await;
    reenrich(&mut table, 10..11).await;
    let table = other_table(folder.path()).await;
    let summary = table.metadata().current_snapshot().unwrap().summary();
    assert_eq!(summary.operation.as_str(), "overwrite");
    for (key, value) in [
        ("pageberg.position.raw_events.0", "3"),
        ("added-data-files", "1"),
        ("deleted-data-files", "2"),
        ("deleted-records", "2"),
        ("total-records", "3"),
        ("total-data-files", "2"),
    ] {
        assert_eq!(summary.additional_properties.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[tokio::test]
async fn large_files_are_rewritten_with_bounds_that_find_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.files.row_group_bytes = 32 << 10;
    config.files.target_file_bytes = 100 << 10;
    let mut table = Table::open(folder.path(), &config).await.unwrap();
    let noise = |offset: i64| -> String { (0..40).map(|part| bare(offset * 40 + part).event.id.to_string()).collect() };
    let events = (0..5_000).map(|offset| {
        let mut visit = visit(offset, 10, &format!("192.0.2.{}", offset % 200));
        visit.event.set(Text::Referrer, Some(&noise(offset)));
        visit
    });
    let events: Vec<Enriched> = events.collect();
    deliver(&mut table, &events).await;
    assert!(data_files(folder.path()).len() > 1);
    let done = reenrich(&mut table, 0..20).await;
    assert_eq!((done.rows, done.files_replaced), (changed(5_000), done.parts));
    assert_eq!(with_country(folder.path(), "N3"), 500);
    let url = "https://shop.example/4999";
    assert_eq!(both_readers(folder.path(), &["url", url]), [json!({"rows": 1}), json!({"rows": 1})]);
}

#[tokio::test]
async fn what_others_put_into_their_own_columns_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[visit(0, 10, "192.0.2.1")]).await;
    let theirs = "\
from pyiceberg.types import StringType
with table.update_schema() as update:
    update.add_column('campaign', StringType())
    update.rename_column('url', 'address')
rows = table.refresh().scan().to_arrow()
column = rows.schema.get_field_index('campaign')
table.append(rows.set_column(column, 'campaign', [['spring']]))";
    run_pyiceberg(folder.path(), theirs);
    assert_eq!(reenrich(&mut table, 10..11).await.rows, changed(2));
    for rows in rows(folder.path()) {
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row["geo"]["country"] == "N1" && row["address"] == "https://shop.example/0"));
        let campaigns: Vec<&Value> = rows.iter().map(|row| &row["campaign"]).collect();
        assert!(campaigns.contains(&&json!("spring")) && campaigns.contains(&&Value::Null), "{campaigns:?}");
    }
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[visit(0, 10, "192.0.2.1"), visit(1, 11, "192.0.2.1")]).await;
    let (stood_at, files) = (snapshot(folder.path()).await, data_files(folder.path()));
    let mut watch = |_: &Reenriched| ControlFlow::Continue(());
    let asked = Reenrichment { range: days(10..11), dry_run: true, locate: &mut today, watch: &mut watch };
    let done = table.reenrich(asked).await.unwrap();
    assert_eq!((done.rows, done.parts, done.files_replaced), (changed(1), 1, 0));
    assert_eq!((snapshot(folder.path()).await, data_files(folder.path())), (stood_at, files));
}

#[tokio::test]
async fn ended_half_way_it_keeps_what_is_done_and_does_the_rest_when_it_is_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    for offset in 0..6 {
        deliver(&mut table, &[visit(offset, 10, "192.0.2.1")]).await;
    }
    let after_two = |done: &Reenriched| match done.parts_done {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let mut small = Config::default();
    small.files.target_file_bytes = 1;
    let mut one_by_one = Table::open(folder.path(), &small).await.unwrap();
    let first = try_reenrich(&mut one_by_one, 10..11, after_two).await.unwrap();
    assert_eq!((first.rows, first.parts, first.files_replaced), (changed(1), 6, 1));
    let second = reenrich(&mut table, 10..11).await;
    assert_eq!((second.rows, second.files_replaced), (Verdicts { current: 1, changed: 5, ..Verdicts::default() }, 5));
    assert_eq!(with_country(folder.path(), "N1"), 6);
}

#[tokio::test]
async fn whatever_instant_it_is_dropped_at_no_row_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    for offset in 0..3 {
        deliver(&mut table, &[visit(offset, 10 + offset % 2, "192.0.2.1")]).await;
    }
    for polls in (1..).step_by(5) {
        let mut dropped = open(folder.path()).await;
        let ended = polled_at_most(polls, &mut Box::pin(reenrich(&mut dropped, 0..20))).await;
        assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, 3, "after {polls} polls");
        if ended.is_some() {
            break;
        }
    }
    assert_eq!(with_country(folder.path(), "N1"), 3);
}

#[tokio::test]
async fn an_append_at_any_instant_is_kept_and_does_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let (mut table, mut other) = (open(folder.path()).await, open(folder.path()).await);
    let mut appended = 0;
    for polls in (1..).step_by(12) {
        deliver(&mut table, &[visit(appended, 10, "192.0.2.1")]).await;
        let next = appended + 1;
        let slow = async { reenrich(&mut other, 0..20).await.parts };
        let fast = async {
            deliver(&mut table, &[visit(next, 10, "192.0.2.1")]).await;
            0
        };
        let (_, was_done) = overtake(polls, slow, fast).await;
        appended += 2;
        assert_eq!(scan(folder.path(), Predicate::AlwaysTrue).await, appended as usize, "after {polls} polls");
        if was_done {
            break;
        }
    }
    reenrich(&mut table, 0..20).await;
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": appended, "distinct_ids": appended}));
    }
    assert_eq!(with_country(folder.path(), "N1"), appended as usize);
}

#[tokio::test]
async fn two_at_once_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.files.target_file_bytes = 1;
    let mut one = Table::open(folder.path(), &config).await.unwrap();
    let mut other = Table::open(folder.path(), &config).await.unwrap();
    for offset in 0..10 {
        deliver(&mut one, &[visit(offset, 10, "192.0.2.1"), visit(offset + 100, 11, "192.0.2.2")]).await;
    }
    let (first, second) = tokio::join!(reenrich(&mut one, 0..20), reenrich(&mut other, 0..20));
    assert_eq!(first.rows.changed + second.rows.changed, 20);
    for count in both_readers(folder.path(), &["count"]) {
        assert_eq!(count, json!({"rows": 20, "distinct_ids": 20}));
    }
    let left = reenrich(&mut one, 0..20).await;
    assert_eq!(left.rows, Verdicts { current: 20, ..Verdicts::default() });
    let referenced = left.parts as usize;
    assert_eq!(data_files(folder.path()).len(), 20 + referenced, "the files of lost attempts must be gone");
}

#[tokio::test]
async fn rows_that_another_engine_deletes_meanwhile_stay_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[visit(0, 10, "192.0.2.1"), visit(1, 10, "192.0.2.2")]).await;
    deliver(&mut table, &[visit(2, 11, "192.0.2.1")]).await;
    let mut files = 0;
    let delete = |_: &Reenriched| {
        files += 1;
        if files == 1 {
            run_pyiceberg(folder.path(), "table.delete('log_offset = 1')");
        }
        ControlFlow::Continue(())
    };
    let done = try_reenrich(&mut table, 0..20, delete).await.unwrap();
    assert_eq!(done.rows, changed(2));
    for rows in rows(folder.path()) {
        let left: Vec<&Value> = rows.iter().map(|row| &row["log_offset"]).collect();
        assert_eq!(left, [&json!(0), &json!(2)]);
        assert!(rows.iter().all(|row| row["geo_database"] == TODAY));
    }
}

#[tokio::test]
async fn a_table_that_lacks_a_needed_column_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[visit(0, 10, "192.0.2.1")]).await;
    run_pyiceberg(folder.path(), "table.update_schema().delete_column('ip').commit()");
    let refused = try_reenrich(&mut table, 0..20, |_| ControlFlow::Continue(())).await;
    assert!(matches!(refused, Err(Error::NoColumn { name: "ip" })), "{refused:?}");
}

#[tokio::test]
async fn rows_that_are_deleted_by_position_before_or_meanwhile_stay_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = open(folder.path()).await;
    deliver(&mut table, &[visit(0, 10, "192.0.2.1"), visit(1, 10, "192.0.2.2"), visit(2, 10, "192.0.2.1")]).await;
    deliver(&mut table, &[visit(3, 11, "192.0.2.1")]).await;
    delete_by_position(folder.path(), 1);
    let mut files = 0;
    let delete = |_: &Reenriched| {
        files += 1;
        if files == 1 {
            delete_by_position(folder.path(), 2);
        }
        ControlFlow::Continue(())
    };
    let done = try_reenrich(&mut table, 0..20, delete).await.unwrap();
    assert_eq!(done.rows, changed(2));
    for rows in rows(folder.path()) {
        let left: Vec<&Value> = rows.iter().map(|row| &row["log_offset"]).collect();
        assert_eq!(left, [&json!(0), &json!(3)]);
        assert!(rows.iter().all(|row| row["geo_database"] == TODAY));
    }
}
