//! The real binary with a real Postgres, read back by real readers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attach;
mod browser;
mod chaos;
mod cli;
mod clients;
mod cluster;
mod crash;
mod geo_commands;
mod geo_refresh;
mod import;
mod kafka_topics;
mod lab;
mod letter_table;
mod log_commands;
mod openapi;
mod outage;
mod process;
mod readme;
mod reenrich;
mod server;
mod table_commands;
mod whole_job;
mod zombie;
