//! Whatever a geo database file holds, look-ups in it end, and in nothing worse than an unknown place.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bin;
mod campaign;
mod hostile;
mod mmdb;
