//! Each sound database says of every address what its vendor's own Python reader says of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod bin;
mod every_type;
mod mmdb;
mod reference;
