//! What real trackers send: the events that it becomes, the answers that they wait for, and what a hostile one can do.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod captures;
mod keys;
mod mutations;
mod refusals;
mod retries;
mod sent;
#[expect(dead_code, unused_imports, reason = "the gateway's other tests use the rest")]
#[path = "../http/support/mod.rs"]
mod support;
