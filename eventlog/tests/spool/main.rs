//! What the spool promises: outages, order, duplicates, crashes, limits.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "../../../tests/support/kafka.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod broker;
mod child;
mod crash;
mod fixture;
mod kafka;
mod limits;
mod metrics;
mod order;
mod outage;
mod remote;
#[path = "../support/reports.rs"]
mod reports;
