//! The REST catalog over HTTP, and the life of a lake behind it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod lake;
