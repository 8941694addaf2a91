//! What the spool promises: outages, order, duplicates, crashes, limits.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod child;
mod crash;
mod fixture;
mod limits;
mod metrics;
mod order;
mod outage;
mod remote;
