//! What waits in the spool, for those who watch.

use std::time::Duration;

use eventlog::metrics::{SPOOL_AGE_SECONDS, SPOOL_BYTES, SPOOL_RECORDS, SPOOL_REFUSED, SPOOL_REPLAYED, SPOOL_SPOOLED};
use metrics::{Counter, Gauge};

/// The metrics of the spool.
pub(crate) struct SpoolMetrics {
    records: Gauge,
    bytes: Gauge,
    age_seconds: Gauge,
    pub(crate) spooled: Counter,
    pub(crate) replayed: Counter,
    pub(crate) refused: Counter,
}

impl SpoolMetrics {
    pub(crate) fn new() -> Self {
        Self {
            records: metrics::gauge!(SPOOL_RECORDS),
            bytes: metrics::gauge!(SPOOL_BYTES),
            age_seconds: metrics::gauge!(SPOOL_AGE_SECONDS),
            spooled: metrics::counter!(SPOOL_SPOOLED),
            replayed: metrics::counter!(SPOOL_REPLAYED),
            refused: metrics::counter!(SPOOL_REFUSED),
        }
    }

    pub(crate) fn show(&self, records: u64, bytes: u64, age: Duration) {
        self.records.set(records as f64);
        self.bytes.set(bytes as f64);
        self.age_seconds.set(age.as_secs_f64());
    }
}
