//! Iceberg tables for the tests of `warehouse` and `attach`: events to write, a table in each kind of catalog, and clients
//! that are not pageberg's to look at it.
//!
//! **Invariant:** what a test expects of a table is read back by another engine, never by the code under test.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]

pub mod catalogs;
pub mod table;
