//! The names of the geo databases' metrics. `database` is a file's name without its extension.

use std::path::Path;

use metrics::{Unit, describe_counter, describe_gauge};

/// Look-ups that a damaged geo database could not answer, by `database`.
pub const GEO_FAILURES: &str = "pageberg_geo_failures_total";
/// Public addresses looked up.
pub const GEO_LOOKUPS: &str = "pageberg_geo_lookups_total";
/// Addresses looked up that no database knew.
pub const GEO_MISSES: &str = "pageberg_geo_misses_total";
/// Seconds since the database in use was built, by `database`.
pub const GEO_AGE_SECONDS: &str = "pageberg_geo_database_age_seconds";
/// Seconds since the database in use was loaded, by `database`.
pub const GEO_LOADED_SECONDS: &str = "pageberg_geo_database_loaded_seconds";
/// Newer files taken, by `database`.
pub const GEO_REFRESHES: &str = "pageberg_geo_refreshes_total";
/// Files refused, by `database` and `reason`.
pub const GEO_REFUSALS: &str = "pageberg_geo_refusals_total";
/// Updates tried, by `source` and `outcome`: `updated`, `unchanged`, or the reason of the failure.
pub const GEO_UPDATES: &str = "pageberg_geo_updates_total";
/// When a vendor last told whether there is a newer database, by `source`.
pub const GEO_UPDATE_SUCCESS: &str = "pageberg_geo_update_last_success_timestamp_seconds";

/// The label `database` of a file: it stays the same when a newer edition has another name.
pub(crate) fn label(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Tells the recorder what each metric is.
pub fn describe() {
    describe_counter!(GEO_FAILURES, "Look-ups that a damaged geo database could not answer");
    describe_counter!(GEO_LOOKUPS, "Public addresses looked up");
    describe_counter!(GEO_MISSES, "Addresses looked up that no geo database knew");
    describe_gauge!(GEO_AGE_SECONDS, Unit::Seconds, "Time since the geo database in use was built");
    describe_gauge!(GEO_LOADED_SECONDS, Unit::Seconds, "Time since the geo database in use was loaded");
    describe_counter!(GEO_REFRESHES, "Newer geo database files that took the place of one in use");
    describe_counter!(GEO_REFUSALS, "Geo database files that were refused, by reason");
    describe_counter!(GEO_UPDATES, "Updates of geo databases tried, by source and outcome");
    describe_gauge!(
        GEO_UPDATE_SUCCESS,
        Unit::Seconds,
        "When the vendor last told whether there is a newer geo database"
    );
}
