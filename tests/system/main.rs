//! The real binary with a real Postgres, read back by real readers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash;
mod outage;
#[path = "../support/postgres.rs"]
mod postgres;
mod readers;
mod readme;
mod server;
mod whole_job;
