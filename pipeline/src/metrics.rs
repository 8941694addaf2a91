//! The names of the pipeline's metrics.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Events by sink and outcome.
pub const SINK_EVENTS: &str = "pageberg_sink_events_total";
/// Records between a sink's stored position and the end of the log.
pub const SINK_LAG: &str = "pageberg_sink_lag_records";
/// Time that a sink's commit took.
pub const SINK_COMMIT_SECONDS: &str = "pageberg_sink_commit_seconds";
/// Failures of a sink that were tried again.
pub const SINK_RETRIES: &str = "pageberg_sink_retries_total";
/// Records that were skipped because the log does not hold them any more.
pub const LOST_RECORDS: &str = "pageberg_lost_records_total";
/// Memory of the events that wait in the ring.
pub const RING_BYTES: &str = "pageberg_ring_bytes";

/// Tells the recorder what each metric is.
pub fn describe() {
    describe_counter!(SINK_EVENTS, "Logged events by sink and outcome");
    describe_gauge!(SINK_LAG, "Records between a sink's stored position and the end of the log");
    describe_histogram!(SINK_COMMIT_SECONDS, "Time that a sink's commit took, in seconds");
    describe_counter!(SINK_RETRIES, "Failures of a sink that were tried again");
    describe_counter!(LOST_RECORDS, "Records skipped because the log does not hold them any more");
    describe_gauge!(RING_BYTES, "Memory of the events that wait for the slower sinks, in bytes");
}
