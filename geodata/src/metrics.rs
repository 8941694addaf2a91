//! The names of the geo databases' metrics.

use metrics::describe_counter;

/// Look-ups that a damaged geo database could not answer.
pub const GEO_FAILURES: &str = "pageberg_geo_failures_total";

/// Tells the recorder what each metric is.
pub fn describe() {
    describe_counter!(GEO_FAILURES, "Look-ups that a damaged geo database could not answer");
}
