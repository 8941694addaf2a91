//! What reaches a sink of a record: what was read in it, and what is not to be stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{Channel, Device, Enriched};
use eventlog::memory::MemoryLog;
use eventlog::{EventLog, NewRecord};
use geodata::{GeoDatabase, LiveDatabase};
use pipeline::{Config, ConfigError, Contents, IpStorage, Pipeline, PipelineError, Status};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::store::{Letters, Store};

const TOPIC: &str = "raw";
const DEADLINE: Duration = Duration::from_secs(60);
const SECRET: &str = "a secret that has more than thirty-two characters";

/// An address that the test data know, and its network.
const ADDRESS: &str = "83.149.9.216";
const NETWORK: &str = "83.149.9.0";

fn geo() -> LiveDatabase {
    let file = testkit::fixtures::path("geo/city/logs-city-flat.mmdb");
    let (database, errors) = GeoDatabase::open(&[file]);
    assert!(errors.is_empty(), "{errors:?}");
    LiveDatabase::new(database)
}

fn pipeline(log: &Arc<MemoryLog>, store: &Store, config: Config) -> Pipeline {
    Pipeline {
        log: log.clone(),
        topic: TOPIC.into(),
        contents: Contents::Events,
        group: "test".to_owned(),
        geo: Arc::new(geo()),
        config,
        sinks: vec![store.sink("sink")],
        dead_letters: Arc::new(Letters::default()),
        status: Status::default(),
    }
}

/// What a sink gets of a record.
async fn delivered(record: Value, config: Config) -> Enriched {
    let (log, store, shutdown) = (MemoryLog::new(1), Store::default(), CancellationToken::new());
    let payload = record.to_string().into();
    log.append(TOPIC, vec![NewRecord { key: vec![].into(), event_id: None, payload }]).await.unwrap();
    let pipeline = pipeline(&log, &store, config);
    let geo = pipeline.geo.clone();
    let running = tokio::spawn(pipeline.run(shutdown.clone()));
    let deadline = Instant::now() + DEADLINE;
    while store.state().events.is_empty() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // Before the next event: on a quiet site that may be long.
    let is_address = record["ip"].as_str().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_ok());
    assert_eq!(geo.counts().lookups, u64::from(is_address));
    shutdown.cancel();
    running.await.unwrap().unwrap();
    store.state().events.remove(0)
}

fn storage(ip_storage: IpStorage) -> Config {
    Config { ip_storage, ip_hash_secret: Some(SECRET.into()), ..Config::default() }
}

/// A page view from an address that its headers tell as well.
fn page_view() -> Value {
    json!({
        "url": "https://shop.example/sale?utm_source=Google&utm_medium=cpc&utm_campaign=spring&gclid=Cj0",
        "referrer": "https://www.google.com/",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
        "ip": ADDRESS,
        "event_time": "2026-01-31T09:30:00Z",
        "headers": {"x-forwarded-for": ADDRESS, "dnt": "1"},
    })
}

#[tokio::test]
async fn a_sink_gets_what_the_event_tells_of_its_visit() {
    let row = delivered(page_view(), Config::default()).await;
    let agent = &*row.visit.agent;
    assert_eq!((agent.browser.as_deref(), agent.browser_version.as_deref()), (Some("Chrome"), Some("150.0.0.0")));
    assert_eq!((agent.os.as_deref(), agent.device, agent.is_bot), (Some("Linux"), Some(Device::Desktop), false));
    assert_eq!((row.visit.referrer_host.as_deref(), row.visit.channel), (Some("www.google.com"), Channel::PaidSearch));
    assert_eq!(row.visit.campaign(|campaign| &campaign.source), Some("Google"));
    assert_eq!(row.visit.campaign(|campaign| &campaign.click_id), Some("gclid:Cj0"));
}

#[tokio::test]
async fn a_sink_gets_of_an_address_what_is_to_be_stored_and_its_place_all_the_same() {
    for (ip_storage, ip) in
        [(IpStorage::Full, Some(ADDRESS)), (IpStorage::Truncated, Some(NETWORK)), (IpStorage::None, None)]
    {
        let row = delivered(page_view(), storage(ip_storage)).await;
        assert_eq!(row.event.ip(), ip, "{ip_storage:?}");
        assert_eq!(row.place.country.as_deref(), Some("RU"), "{ip_storage:?}");
        let tells = format!("{row:?}").contains(ADDRESS);
        assert_eq!(tells, ip_storage == IpStorage::Full, "{ip_storage:?}: {row:?}");
    }
}

#[tokio::test]
async fn a_hashed_address_tells_visitors_of_a_day_apart_and_nothing_else() {
    let hash = async |ip: &str, time: &str| {
        let mut record = page_view();
        (record["ip"], record["event_time"]) = (ip.into(), time.into());
        let row = delivered(record, storage(IpStorage::Hashed)).await;
        assert_eq!(row.place.country.as_deref(), Some("RU"));
        row.event.ip().unwrap().to_owned()
    };
    let first = hash(ADDRESS, "2026-01-31T00:00:00Z").await;
    assert_eq!(first.len(), 32);
    assert_eq!(hash(ADDRESS, "2026-01-31T23:59:59.999Z").await, first);
    assert_ne!(hash(ADDRESS, "2026-02-01T00:00:00Z").await, first);
    assert_ne!(hash("83.149.9.217", "2026-01-31T00:00:00Z").await, first);
}

#[tokio::test]
async fn what_is_no_address_is_dropped_or_hashed() {
    let record = json!({"url": "/", "ip": "203.0.113.7 via a proxy", "headers": "X-Forwarded-For: 203.0.113.7"});
    for ip_storage in [IpStorage::Truncated, IpStorage::None, IpStorage::Hashed] {
        let row = delivered(record.clone(), storage(ip_storage)).await;
        assert_eq!(row.event.ip().is_some(), ip_storage == IpStorage::Hashed);
        assert!(!format!("{row:?}").contains("203.0.113.7"), "{row:?}");
    }
}

#[tokio::test]
async fn nothing_is_delivered_when_the_hash_has_no_secret() {
    let config = Config { ip_hash_secret: None, ..storage(IpStorage::Hashed) };
    let pipeline = pipeline(&MemoryLog::new(1), &Store::default(), config);
    let error = pipeline.run(CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, PipelineError::Config(ConfigError::NoSecret)), "{error}");
}

#[tokio::test]
async fn a_record_without_a_user_agent_is_of_no_known_device_and_no_bot() {
    let row = delivered(json!({"host": "shop.example", "user_agent": ""}), Config::default()).await;
    assert_eq!((row.visit.agent.device, row.visit.agent.is_bot), (None, false));
    assert_eq!(row.visit.channel, Channel::Direct);
}
