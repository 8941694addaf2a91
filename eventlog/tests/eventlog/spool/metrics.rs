//! The numbers by which an operator sees an outage.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use eventlog::memory::MemoryLog;
use eventlog::metrics::{SPOOL_AGE_SECONDS, SPOOL_BYTES, SPOOL_RECORDS, SPOOL_REFUSED, SPOOL_REPLAYED, SPOOL_SPOOLED};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use spool::Config;

use crate::spool::fixture::{Fixture, config, eventually, within};
use crate::spool::remote::{Mood, Remote};

/// Keeps the values of counters and gauges.
#[derive(Default)]
struct Values(Mutex<HashMap<String, Arc<AtomicU64>>>);

impl Values {
    fn value(&self, name: &str) -> Arc<AtomicU64> {
        self.0.lock().unwrap().entry(name.to_owned()).or_default().clone()
    }

    fn counter(&self, name: &str) -> u64 {
        self.value(name).load(Ordering::Relaxed)
    }

    fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.value(name).load(Ordering::Relaxed))
    }
}

impl Recorder for Values {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.value(key.name()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.value(key.name()))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn metrics_tell_what_waits_how_much_and_how_long() {
    let values = Values::default();
    let recording = metrics::set_default_local_recorder(&values);
    let fixture = Fixture::of(config(), Remote::with_limit(MemoryLog::new(3), Mood::Down, 0, 500)).await;
    drop(recording);
    for n in 0..10 {
        fixture.append("a", &n.to_string()).await.unwrap();
    }
    assert_eq!((values.gauge(SPOOL_RECORDS), values.counter(SPOOL_SPOOLED)), (10.0, 10));
    assert!((500.0..2_000.0).contains(&values.gauge(SPOOL_BYTES)), "{}", values.gauge(SPOOL_BYTES));
    eventually(async || values.gauge(SPOOL_AGE_SECONDS) > 1.0).await;
    assert_eq!(values.counter(SPOOL_REPLAYED), 0);

    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    let gauges = [SPOOL_RECORDS, SPOOL_BYTES, SPOOL_AGE_SECONDS].map(|name| values.gauge(name));
    assert_eq!(gauges, [0.0; 3]);
    assert_eq!(values.counter(SPOOL_REPLAYED), values.counter(SPOOL_SPOOLED));
    assert_eq!(values.counter(SPOOL_REFUSED), 0);

    let recording = metrics::set_default_local_recorder(&values);
    fixture.remote.set_mood(Mood::Down);
    fixture.append("a", "small").await.unwrap();
    fixture.append("a", &"x".repeat(600)).await.unwrap();
    let fixture = fixture.reopen().await;
    drop(recording);
    assert_eq!(values.gauge(SPOOL_RECORDS), 2.0, "what is left from before waits");
    assert!((100.0..2_000.0).contains(&values.gauge(SPOOL_BYTES)), "{}", values.gauge(SPOOL_BYTES));
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(values.counter(SPOOL_REFUSED), 1);
}

/// A restart finds the same number, with many segments, after a part was replayed, and with nothing left.
#[tokio::test]
async fn what_waits_is_counted_exactly_after_a_restart() {
    let values = Values::default();
    let _recording = metrics::set_default_local_recorder(&values);
    let config = Config { replay_batch_bytes: 1_000, max_backoff_ms: 1, ..config() };
    let mut fixture = Fixture::of(config, Remote::new(MemoryLog::new(1), Mood::Down, 0)).await;
    for n in 0..200 {
        fixture.append("a", &n.to_string()).await.unwrap();
    }
    let shown = || [SPOOL_RECORDS, SPOOL_BYTES].map(|name| values.gauge(name));
    fixture = fixture.reopen().await;
    let whole = shown();
    assert!(whole[0] == 200.0 && whole[1] > 0.0, "{whole:?}");
    // How much is left each time is up to chance, also nothing.
    for left in [120.0, 40.0] {
        fixture.remote.set_mood(Mood::Works);
        eventually(async || values.gauge(SPOOL_RECORDS) <= left).await;
        fixture.remote.set_mood(Mood::Hangs);
        within(fixture.log.close()).await;
        let before = shown();
        fixture = fixture.reopen().await;
        assert_eq!(shown(), before);
    }
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert!(fixture.reopen().await.arrived("a").await.len() >= 200);
    assert_eq!(shown(), [0.0, 0.0]);
}
