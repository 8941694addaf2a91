//! Database files that are replaced in every way there is, while they are in use.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod editions;
mod refusals;
mod replacing;
mod storm;
mod watched;
