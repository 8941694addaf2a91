//! The real binary with a real Postgres, read back by real readers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attach;
mod browser;
mod chaos;
mod clients;
mod cluster;
mod crash;
mod geo_refresh;
#[expect(dead_code, reason = "the event log's own tests use the rest")]
#[path = "../support/kafka.rs"]
mod kafka;
#[expect(dead_code, reason = "the event log's own tests use the rest")]
#[path = "../support/kafka_console.rs"]
mod kafka_console;
mod lab;
mod letter_table;
mod openapi;
mod outage;
#[path = "../support/postgres.rs"]
mod postgres;
mod process;
mod readers;
mod readme;
mod reenrich;
mod server;
mod whole_job;
mod zombie;
