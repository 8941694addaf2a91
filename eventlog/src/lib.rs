//! The durable log of events: an append is answered only when the record will survive a crash.
//!
//! 1. [`EventLog::append`] makes records durable and tells where they stand.
//! 2. [`EventLog::join`] tells which partitions this process is to read; [`EventLog::reader`] reads them.
//! 3. [`Transactor::commit`] appends outputs and moves a group's positions in one atomic step.
//!
//! Implementations: [`kafka`], [`embedded`] (segment files), [`memory`] (for tests); and the crate `spool`, which
//! stands in front of another one while that cannot be reached.
//!
//! **Invariant:** offsets of a partition rise and never change their record. They are dense but for what transactions take
//! in Kafka.
//! **Invariant:** a reader never sees a record that could still be lost, nor half of a transaction.

pub mod embedded;
mod error;
pub mod kafka;
mod log;
pub mod memory;
pub mod metrics;
mod receipts;

pub use error::LogError;
pub use log::{EventLog, Membership, NewRecord, Reader, Record, Transactor};
pub use receipts::Receipts;
