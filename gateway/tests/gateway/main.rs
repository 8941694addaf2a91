//! The gateway over real connections.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod http;
mod memory;
mod protocols;
mod support;
