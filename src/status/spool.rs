//! What waits in the gateway's spool, as `/metrics` tells it, so that both always agree. Pure.

use eventlog::metrics::{SPOOL_AGE_SECONDS, SPOOL_BYTES, SPOOL_RECORDS};
use serde::Serialize;

/// The spool; all is 0 while the log takes records directly.
#[derive(Debug, PartialEq, Serialize)]
pub struct SpoolReport {
    records: f64,
    bytes: f64,
    /// Age of the oldest record, in seconds.
    age_seconds: f64,
}

impl SpoolReport {
    /// What the text of `/metrics` tells; `None` in a process that has no spool.
    pub fn of(metrics: &str) -> Option<Self> {
        let value = |name: &str| {
            metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
        };
        Some(Self {
            records: value(SPOOL_RECORDS)?,
            bytes: value(SPOOL_BYTES)?,
            age_seconds: value(SPOOL_AGE_SECONDS)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_is_told_of_where_there_is_one() {
        let text = "pageberg_spool_records 3\npageberg_spool_bytes 120\npageberg_spool_age_seconds 1.5\n";
        assert_eq!(SpoolReport::of(text), Some(SpoolReport { records: 3.0, bytes: 120.0, age_seconds: 1.5 }));
        assert_eq!(SpoolReport::of("pageberg_events_total 3\n"), None);
    }
}
