//! Into the Iceberg table: rows as Parquet files, published together with the positions that they reach.
//!
//! 1. [`IcebergSink::write`](pipeline::Sink::write) stages events in data files that nobody sees yet.
//! 2. [`IcebergSink::commit`](pipeline::Sink::commit) completes them and commits them with the positions.
//! 3. [`IcebergSink::resume`](pipeline::Sink::resume) deletes what is staged and reads the positions from the table.
//!
//! How events become columns, files and commits is the `warehouse`'s.
//!
//! **Invariant:** after a commit whose outcome is unknown, the table is asked before anything is written again.

mod config;
pub(crate) mod lake;
mod maintenance;
mod received;
mod reenrich;
mod sink;
mod vitals;

pub use config::{Config, DeadLettersConfig};
pub use maintenance::maintain;
pub use reenrich::reenrich;
pub use sink::IcebergSink;
