//! What the tests of all crates share: fixtures, services, readers, ports and seeds.
//!
//! It uses no other crate of the workspace, so unit tests can use it too. Its features `kafka` and `postgres` add clients.
//!
//! **Invariant:** a test finds everything below the clone: in the repository, or in `.cache` after `make test-setup`.
//! **Invariant:** a service that tests share runs once, whichever test asks for it first, and ends after the last of them.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

pub mod fixtures;
#[cfg(feature = "kafka")]
pub mod kafka_console;
pub mod ports;
pub mod project;
pub mod readers;
pub mod reports;
pub mod seed;
pub mod services;
