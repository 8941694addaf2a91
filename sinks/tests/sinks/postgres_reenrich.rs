//! Looking places up again in Postgres: what changes, what stays, and what others do meanwhile.

use std::ops::ControlFlow;
use std::sync::Arc;

use event::{Place, Reenriched, Reenrichment, Relocated, Timestamp, Verdicts};
use sinks::postgres::{Config, ReenrichError, migrate, reenrich};
use tokio_postgres::Client;

use testkit::services::postgres::{connect, new_database};

const TODAY: &str = "city@2";

/// What the new database tells: a country for each of the addresses 192.0.2.x, nothing for 198.51.100.x.
fn today(ip: &str) -> Option<Relocated> {
    let place = match ip.rsplit_once('.')? {
        ("192.0.2", host) => Place {
            country: Some(format!("N{}", host.parse::<u8>().ok()? % 10)),
            city: Some("nul \0".into()),
            timezone: Some("nul \0".into()),
            latitude: Some(1.5),
            asn: Some(u32::MAX),
            ..Place::default()
        },
        ("198.51.100", _) => Place::default(),
        _ => return None,
    };
    Some(Relocated { place: Arc::new(place), database: TODAY.into() })
}

fn config(url: &str) -> Config {
    Config { url: Some(url.into()), ..Config::default() }
}

struct Database {
    url: String,
    client: Client,
}

/// A database with pageberg's tables, upon `sql` that was run before.
async fn database(sql: &str) -> Database {
    let url = new_database().await;
    let client = connect(&url).await;
    client.batch_execute(sql).await.unwrap();
    migrate(&config(&url)).await.unwrap();
    Database { url, client }
}

impl Database {
    async fn reenrich(&self, from: &str, to: &str) -> Reenriched {
        self.watched(from, to, false, |_| ControlFlow::Continue(())).await.unwrap()
    }

    async fn watched(
        &self,
        from: &str,
        to: &str,
        dry_run: bool,
        mut watch: impl FnMut(&Reenriched) -> ControlFlow<()> + Send,
    ) -> Result<Reenriched, ReenrichError> {
        let range = Timestamp::parse(from).unwrap()..Timestamp::parse(to).unwrap();
        let asked = Reenrichment { range, dry_run, locate: &mut today, watch: &mut watch };
        reenrich(&config(&self.url), asked).await
    }

    async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Every row as JSON, in order of its url.
    async fn rows(&self) -> Vec<String> {
        let sql = "SELECT row_to_json(e)::text FROM processed_events AS e ORDER BY url";
        self.client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Where each row stands, which changes with every update.
    async fn versions(&self) -> Vec<String> {
        let sql = "SELECT concat(ctid, xmin) FROM processed_events ORDER BY url";
        self.client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

/// So many rows, one a minute from the beginning of 2026; each fifth has no public address, each seventh none at all.
fn fill(rows: i64) -> String {
    format!(
        "INSERT INTO processed_events (url, host, referrer, ip, event_timestamp, geodata, geo_database, latitude, properties) \
         SELECT lpad(n::text, 9, '0'), 'shop.example', '-', \
             CASE WHEN n % 7 = 0 THEN NULL WHEN n % 5 = 0 THEN md5(n::text) ELSE '192.0.2.' || n % 100 END, \
             '2026-01-01'::timestamp + n * interval '1 minute', '{{\"country\":\"OLD\"}}', 'city@1', 48.8, '{{\"n\": 1}}' \
         FROM generate_series(0, {rows} - 1) AS n"
    )
}

const LAB_TABLE: &str = "CREATE TABLE processed_events (
    ip VARCHAR, event_timestamp TIMESTAMP(3), referrer VARCHAR, host VARCHAR, url VARCHAR, geodata VARCHAR)";
const INDEX: &str = "CREATE INDEX ON processed_events (event_timestamp, host)";

#[tokio::test]
async fn rows_of_the_range_get_todays_places_and_nothing_else_changes() {
    for with_index in [false, true] {
        let database = database(LAB_TABLE).await;
        database.run(&fill(10_000)).await;
        if with_index {
            database.run(INDEX).await;
        }
        let (before, old) = (database.rows().await, database.versions().await);

        let done = database.reenrich("2026-01-02T00:00:00Z", "2026-01-05T00:00:00Z").await;
        let (rows, versions) = (database.rows().await, database.versions().await);
        let is_in_range = |index: usize| (1_440..5_760).contains(&index);
        let changes = |index: usize| is_in_range(index) && !index.is_multiple_of(7) && !index.is_multiple_of(5);
        assert_eq!((rows.len(), done.rows.rows()), (10_000, 4_320));
        assert_eq!(done.rows.changed, (0..10_000).filter(|index| changes(*index)).count() as u64);
        for index in 0..10_000 {
            if !changes(index) {
                assert_eq!((&rows[index], &versions[index]), (&before[index], &old[index]), "{index}");
                continue;
            }
            let mut expected: serde_json::Value = serde_json::from_str(&before[index]).unwrap();
            let country = index % 100 % 10;
            expected["geodata"] = format!(r#"{{"country":"N{country}","state":null,"city":"nul \ufffd"}}"#).into();
            expected["timezone"] = "nul \u{fffd}".into();
            expected["latitude"] = 1.5.into();
            expected["asn"] = u32::MAX.into();
            expected["geo_database"] = TODAY.into();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&rows[index]).unwrap(), expected, "{index}");
        }

        let again = database.reenrich("2026-01-02T00:00:00Z", "2026-01-05T00:00:00Z").await;
        assert_eq!(again.rows, Verdicts { changed: 0, current: done.rows.changed, ..done.rows });
        assert_eq!(database.versions().await, versions);
    }
}

#[tokio::test]
async fn rows_of_the_same_time_are_all_found_by_the_index() {
    let database = database("").await;
    database.run(&fill(9_000)).await;
    database.run("UPDATE processed_events SET event_timestamp = date_trunc('day', event_timestamp)").await;
    database.run("UPDATE processed_events SET event_timestamp = '2026-01-02' WHERE url < '000008500'").await;
    database.run(INDEX).await;
    let done = database.reenrich("2026-01-02T00:00:00Z", "2026-01-02T00:00:00.001Z").await;
    assert_eq!(done.rows.rows(), 8_500);
    let sql = "SELECT count(*) FROM processed_events WHERE geo_database = 'city@2'";
    assert_eq!(database.number(sql).await, i64::try_from(done.rows.changed).unwrap());
}

#[tokio::test]
async fn tables_that_others_made_their_own_way_are_looked_up_too() {
    let partitioned = "CREATE TABLE processed_events (
            ip TEXT, event_timestamp TIMESTAMPTZ, referrer TEXT, host TEXT, url TEXT, geodata JSON)
            PARTITION BY RANGE (event_timestamp);
        CREATE TABLE january PARTITION OF processed_events FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
        CREATE TABLE \"Other's\" PARTITION OF processed_events DEFAULT;
        CREATE INDEX ON january (event_timestamp)";
    let database = database(partitioned).await;
    database.run("SET TIME ZONE 'UTC'").await;
    database.run(&fill(50_000)).await;
    let done = database.reenrich("2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z").await;
    assert_eq!(done.rows.rows(), 1_440);
    let sql = "SELECT count(*) FROM processed_events WHERE geodata->>'country' LIKE 'N_'";
    assert_eq!(database.number(sql).await, i64::try_from(done.rows.changed).unwrap());
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let database = database("").await;
    database.run(&fill(1_000)).await;
    let before = database.versions().await;
    let (from, to) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    let done = database.watched(from, to, true, |_| ControlFlow::Continue(())).await.unwrap();
    assert_eq!((done.rows.rows(), done.rows.changed), (1_000, 686));
    assert_eq!(database.versions().await, before);
}

#[tokio::test]
async fn ended_half_way_it_keeps_what_is_done_and_does_the_rest_when_it_is_run_again() {
    let database = database("").await;
    database.run(&fill(20_000)).await;
    let (from, to) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
    let first = database.watched(from, to, false, |_| ControlFlow::Break(())).await.unwrap();
    assert!(first.rows.changed > 0 && first.parts_done > 0 && first.parts_done < first.parts, "{first:?}");
    let second = database.reenrich(from, to).await;
    assert_eq!((second.rows.rows(), second.rows.current), (20_000, first.rows.changed));
    assert_eq!(database.number("SELECT count(*) FROM processed_events WHERE geo_database = 'city@1'").await, 6_286);
}

#[tokio::test]
async fn rows_that_others_insert_and_change_meanwhile_are_kept() {
    let database = database("").await;
    database.run(&fill(20_000)).await;
    let other = connect(&database.url).await;
    let changing = async {
        for round in 0..40 {
            let sql = format!(
                "INSERT INTO processed_events (url) VALUES ('new {round}');
                 UPDATE processed_events SET host = 'moved' WHERE url = lpad('{}', 9, '0')",
                round * 500
            );
            other.batch_execute(&sql).await.unwrap();
        }
    };
    let (done, ()) = tokio::join!(database.reenrich("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), changing);
    assert!(done.rows.changed > 0);
    for (sql, expected) in [
        ("SELECT count(*) FROM processed_events", 20_040),
        ("SELECT count(DISTINCT url) FROM processed_events", 20_040),
        ("SELECT count(*) FROM processed_events WHERE host = 'moved'", 40),
    ] {
        assert_eq!(database.number(sql).await, expected, "{sql}");
    }
    database.reenrich("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z").await;
    let left = "SELECT count(*) FROM processed_events WHERE geo_database = 'city@1' AND ip LIKE '192%'";
    assert_eq!(database.number(left).await, 0);
}
