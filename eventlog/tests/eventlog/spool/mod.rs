//! What the spool promises: outages, order, duplicates, crashes, limits.

mod child;
mod crash;
mod fixture;
mod kafka;
mod limits;
mod metrics;
mod order;
mod outage;
mod remote;
mod repeats;
