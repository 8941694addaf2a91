//! The REST catalog over HTTP, in front of a real table.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod conformance;
mod server;
#[expect(dead_code, reason = "the tests of the table use the rest")]
#[path = "../../../warehouse/tests/table/support.rs"]
mod support;
