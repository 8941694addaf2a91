//! A lake's life in a minute: commits without end, upkeep, crashes, and readers that must never notice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod campaign;
#[expect(dead_code, reason = "the tests of catalogs use the rest")]
#[path = "../../../warehouse/tests/catalogs/lakes.rs"]
mod lakes;
mod plan;
mod process;
#[expect(dead_code, reason = "the system tests use the rest")]
#[path = "../../../tests/system/readers.rs"]
mod readers;
mod rows;
#[expect(dead_code, reason = "the tests of storage use the rest")]
#[path = "../../../tests/support/stores.rs"]
mod stores;
#[expect(dead_code, reason = "the tests of the table use the rest")]
#[path = "../../../warehouse/tests/table/support.rs"]
mod support;
mod verdict;
mod watch;
mod writer;
