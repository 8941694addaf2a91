//! What the warehouse promises, on real catalogs and stores, read back by other engines.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalogs;
mod table;
