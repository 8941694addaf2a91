//! What the pipeline promises, over a log in memory and a sink in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivery;
mod enriched;
mod identity;
mod refusals;
mod retries;
mod store;
