//! The names of the log's metrics, and the handles of one topic's.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit};

/// Records made durable, by topic.
pub const APPENDED_RECORDS: &str = "pageberg_log_appended_records_total";
/// Payload bytes made durable, by topic.
pub const APPENDED_BYTES: &str = "pageberg_log_appended_bytes_total";
/// Appends refused because too much was waiting, by topic.
pub const BUSY: &str = "pageberg_log_busy_total";
/// Appends refused for want of room, by topic.
pub const FULL: &str = "pageberg_log_full_total";
/// Seconds that one fdatasync took, by topic.
pub const FSYNC_SECONDS: &str = "pageberg_log_fsync_seconds";
/// Records waiting to be written, by topic.
pub const QUEUE_RECORDS: &str = "pageberg_log_queue_records";
/// Payload bytes waiting to be written, by topic.
pub const QUEUE_BYTES: &str = "pageberg_log_queue_bytes";
/// Segment files, by topic.
pub const SEGMENTS: &str = "pageberg_log_segments";
/// Bytes of the segment files, by topic.
pub const DISK_BYTES: &str = "pageberg_log_disk_bytes";
/// Bytes of unfinished writes cut off when the log was opened, by topic.
pub const TRUNCATED_BYTES: &str = "pageberg_log_truncated_bytes_total";
/// Segments removed by retention, by topic.
pub const REMOVED_SEGMENTS: &str = "pageberg_log_removed_segments_total";
/// Records that Kafka did not acknowledge, by topic.
pub const FAILED_RECORDS: &str = "pageberg_log_failed_records_total";
/// Records in the Kafka producer's queue.
pub const KAFKA_QUEUE_RECORDS: &str = "pageberg_kafka_queue_records";
/// Bytes in the Kafka producer's queue.
pub const KAFKA_QUEUE_BYTES: &str = "pageberg_kafka_queue_bytes";
/// Seconds from a request of the Kafka producer to its answer, on average over five seconds, by broker.
pub const KAFKA_ROUND_TRIP_SECONDS: &str = "pageberg_kafka_round_trip_seconds";
/// Rebalances that this process took part in, by group.
pub const KAFKA_REBALANCES: &str = "pageberg_kafka_rebalances_total";
/// Seconds that a Kafka transaction took, by group.
pub const KAFKA_TRANSACTION_SECONDS: &str = "pageberg_kafka_transaction_seconds";
/// Records that wait in the spool.
pub const SPOOL_RECORDS: &str = "pageberg_spool_records";
/// Bytes of the records that wait in the spool.
pub const SPOOL_BYTES: &str = "pageberg_spool_bytes";
/// Seconds since the oldest record that waits was spooled; 0 when none waits.
pub const SPOOL_AGE_SECONDS: &str = "pageberg_spool_age_seconds";
/// Records acknowledged because they were spooled.
pub const SPOOL_SPOOLED: &str = "pageberg_spool_spooled_total";
/// Spooled records that were settled: sent to the log, or kept as refused.
pub const SPOOL_REPLAYED: &str = "pageberg_spool_replayed_total";
/// Spooled records that the log refuses for good; they stay in the spool's folder.
pub const SPOOL_REFUSED: &str = "pageberg_spool_refused_total";

/// Registers what each metric means with the process's recorder.
pub fn describe() {
    metrics::describe_counter!(APPENDED_RECORDS, Unit::Count, "records made durable");
    metrics::describe_counter!(APPENDED_BYTES, Unit::Bytes, "payload bytes made durable");
    metrics::describe_counter!(BUSY, Unit::Count, "appends refused because too much was waiting");
    metrics::describe_counter!(FULL, Unit::Count, "appends refused for want of room");
    metrics::describe_histogram!(FSYNC_SECONDS, Unit::Seconds, "time that one fdatasync took");
    metrics::describe_gauge!(QUEUE_RECORDS, Unit::Count, "records waiting to be written");
    metrics::describe_gauge!(QUEUE_BYTES, Unit::Bytes, "payload bytes waiting to be written");
    metrics::describe_gauge!(SEGMENTS, Unit::Count, "segment files");
    metrics::describe_gauge!(DISK_BYTES, Unit::Bytes, "bytes of the segment files");
    metrics::describe_counter!(TRUNCATED_BYTES, Unit::Bytes, "bytes of unfinished writes cut off at the start");
    metrics::describe_counter!(REMOVED_SEGMENTS, Unit::Count, "segments removed by retention");
    metrics::describe_counter!(FAILED_RECORDS, Unit::Count, "records that Kafka did not acknowledge");
    metrics::describe_gauge!(KAFKA_QUEUE_RECORDS, Unit::Count, "records in the Kafka producer's queue");
    metrics::describe_gauge!(KAFKA_QUEUE_BYTES, Unit::Bytes, "bytes in the Kafka producer's queue");
    metrics::describe_gauge!(KAFKA_ROUND_TRIP_SECONDS, Unit::Seconds, "time until a Kafka broker answers, on average");
    metrics::describe_counter!(KAFKA_REBALANCES, Unit::Count, "rebalances that this process took part in");
    metrics::describe_histogram!(KAFKA_TRANSACTION_SECONDS, Unit::Seconds, "time that a Kafka transaction took");
    metrics::describe_gauge!(SPOOL_RECORDS, Unit::Count, "records that wait in the spool");
    metrics::describe_gauge!(SPOOL_BYTES, Unit::Bytes, "bytes of the records that wait in the spool");
    metrics::describe_gauge!(SPOOL_AGE_SECONDS, Unit::Seconds, "age of the oldest record that waits in the spool");
    metrics::describe_counter!(SPOOL_SPOOLED, Unit::Count, "records acknowledged because they were spooled");
    metrics::describe_counter!(SPOOL_REPLAYED, Unit::Count, "spooled records that were sent to the log, or refused");
    metrics::describe_counter!(SPOOL_REFUSED, Unit::Count, "spooled records that the log refuses for good");
}

/// The metrics of appends to one Kafka topic.
pub(crate) struct AppendMetrics {
    records: Counter,
    bytes: Counter,
    failed: Counter,
}

impl AppendMetrics {
    pub(crate) fn new(topic: &str) -> Self {
        let topic = || topic.to_owned();
        Self {
            records: metrics::counter!(APPENDED_RECORDS, "topic" => topic()),
            bytes: metrics::counter!(APPENDED_BYTES, "topic" => topic()),
            failed: metrics::counter!(FAILED_RECORDS, "topic" => topic()),
        }
    }

    pub(crate) fn durable(&self, records: usize, bytes: usize) {
        self.records.increment(records as u64);
        self.bytes.increment(bytes as u64);
    }

    pub(crate) fn failed(&self, records: usize) {
        self.failed.increment(records as u64);
    }
}

/// What waits in the Kafka producer.
pub(crate) fn kafka_queue(records: u64, bytes: u64) {
    metrics::gauge!(KAFKA_QUEUE_RECORDS).set(records as f64);
    metrics::gauge!(KAFKA_QUEUE_BYTES).set(bytes as f64);
}

/// How long a Kafka broker takes to answer.
pub(crate) fn kafka_round_trip(broker: &str, average: Duration) {
    metrics::gauge!(KAFKA_ROUND_TRIP_SECONDS, "broker" => broker.to_owned()).set(average.as_secs_f64());
}

/// The metrics of one topic.
pub(crate) struct TopicMetrics {
    appended_records: Counter,
    appended_bytes: Counter,
    pub(crate) busy: Counter,
    pub(crate) full: Counter,
    fsync_seconds: Histogram,
    queue_records: Gauge,
    queue_bytes: Gauge,
    segments: Gauge,
    disk_bytes: Gauge,
    pub(crate) truncated_bytes: Counter,
    pub(crate) removed_segments: Counter,
}

impl TopicMetrics {
    pub(crate) fn new(topic: &str) -> Self {
        let topic = || topic.to_owned();
        Self {
            appended_records: metrics::counter!(APPENDED_RECORDS, "topic" => topic()),
            appended_bytes: metrics::counter!(APPENDED_BYTES, "topic" => topic()),
            busy: metrics::counter!(BUSY, "topic" => topic()),
            full: metrics::counter!(FULL, "topic" => topic()),
            fsync_seconds: metrics::histogram!(FSYNC_SECONDS, "topic" => topic()),
            queue_records: metrics::gauge!(QUEUE_RECORDS, "topic" => topic()),
            queue_bytes: metrics::gauge!(QUEUE_BYTES, "topic" => topic()),
            segments: metrics::gauge!(SEGMENTS, "topic" => topic()),
            disk_bytes: metrics::gauge!(DISK_BYTES, "topic" => topic()),
            truncated_bytes: metrics::counter!(TRUNCATED_BYTES, "topic" => topic()),
            removed_segments: metrics::counter!(REMOVED_SEGMENTS, "topic" => topic()),
        }
    }

    pub(crate) fn durable(&self, records: usize, bytes: usize, fsync: Duration) {
        self.appended_records.increment(records as u64);
        self.appended_bytes.increment(bytes as u64);
        self.fsync_seconds.record(fsync.as_secs_f64());
    }

    pub(crate) fn queue(&self, records: usize, bytes: usize) {
        self.queue_records.set(records as f64);
        self.queue_bytes.set(bytes as f64);
    }

    pub(crate) fn disk(&self, segments: usize, bytes: u64) {
        self.segments.set(segments as f64);
        self.disk_bytes.set(bytes as f64);
    }
}
