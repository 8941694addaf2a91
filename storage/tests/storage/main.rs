//! What every storage promises, and what a large file costs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
#[cfg(target_os = "linux")]
mod upload_memory;
