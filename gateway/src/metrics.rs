//! The names of the gateway's metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Requests answered, by `route` and `status`; the status of a request that its sender gave up is `cancelled`.
pub const HTTP_REQUESTS_TOTAL: &str = "pageberg_http_requests_total";
/// Time from a request's headers to its answer, by `route`.
pub const HTTP_REQUEST_SECONDS: &str = "pageberg_http_request_seconds";
/// Body bytes received, as they came over the network.
pub const HTTP_BODY_BYTES_TOTAL: &str = "pageberg_http_body_bytes_total";
/// Bytes of bodies and records in memory now.
pub const HTTP_BUFFERED_BYTES: &str = "pageberg_http_buffered_bytes";
/// Connections open now.
pub const HTTP_CONNECTIONS: &str = "pageberg_http_connections";
/// Connections closed before their first request, by `reason`: more than one address may have (`address_limit`), no header
/// of the PROXY protocol (`proxy_header`), no TLS (`tls_handshake`), or not ready in time (`too_slow`).
pub const HTTP_CONNECTIONS_DROPPED_TOTAL: &str = "pageberg_http_connections_dropped_total";
/// Changed TLS certificates that were found, by `result` (`ok`, `failed`); a failed one is not used.
pub const TLS_CERTIFICATE_LOADS_TOTAL: &str = "pageberg_tls_certificate_loads_total";
/// Events received, by `outcome`.
pub const EVENTS_TOTAL: &str = "pageberg_events_total";
/// Events that were not taken, by `reason`: what is wrong with them (`malformed`, `too_large`, `field_too_long`), who sent
/// them (`unknown_site`, `foreign_origin`, `unknown_key`, `not_trusted`), or how many came (`address_rate`, `site_rate`,
/// and at the same time `address_requests`, `overload`).
pub const REFUSALS_TOTAL: &str = "pageberg_refusals_total";
/// Values in events that were not believed, by `field` (`ip`, `user_agent`, `event_time`): their sender may not set them.
pub const IGNORED_FIELDS_TOTAL: &str = "pageberg_ignored_fields_total";
/// Times in events of trackers' protocols that could not be read, by the `field` as the tracker names it; the events were
/// taken, with the time of their receipt.
pub const UNREADABLE_TIMES_TOTAL: &str = "pageberg_unreadable_times_total";

/// Registers the descriptions of the gateway's metrics with the recorder in use.
pub fn describe() {
    describe_counter!(HTTP_REQUESTS_TOTAL, "Requests by route and status of the answer");
    describe_histogram!(HTTP_REQUEST_SECONDS, Unit::Seconds, "Time from a request's headers to its answer");
    describe_counter!(HTTP_BODY_BYTES_TOTAL, Unit::Bytes, "Body bytes received, before decompression");
    describe_gauge!(HTTP_BUFFERED_BYTES, Unit::Bytes, "Bytes of bodies and records in memory");
    describe_gauge!(HTTP_CONNECTIONS, "Open connections");
    describe_counter!(HTTP_CONNECTIONS_DROPPED_TOTAL, "Connections closed before their first request, by reason");
    describe_counter!(
        TLS_CERTIFICATE_LOADS_TOTAL,
        "Changed TLS certificates found, by result; a failed one is not used"
    );
    describe_counter!(EVENTS_TOTAL, "Events by outcome; a body that was never told into events counts as one");
    describe_counter!(REFUSALS_TOTAL, "Events not taken, by reason; each counts in pageberg_events_total too");
    describe_counter!(
        IGNORED_FIELDS_TOTAL,
        "Values in events that their senders may not set, by field; the events were taken"
    );
    describe_counter!(
        UNREADABLE_TIMES_TOTAL,
        "Times of trackers that could not be read, by field; the events were taken"
    );
}
