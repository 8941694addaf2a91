//! What each event log promises: the contract of all, and what each promises beyond it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod embedded;
mod kafka;
mod memory;
mod spool;
