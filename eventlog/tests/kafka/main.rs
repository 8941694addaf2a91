//! What the log on Kafka promises beyond the contract: outages, groups, fencing, others' topics, secured connections.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "../../../tests/support/kafka.rs"]
mod broker;
#[path = "../../../tests/support/kafka_console.rs"]
mod console;
mod fencing;
mod fixture;
mod groups;
mod outage;
mod records;
mod retention;
mod security;
mod topics;
