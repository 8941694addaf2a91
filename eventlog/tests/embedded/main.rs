//! What the embedded log promises beyond the contract: crashes, damage, full disks, other processes, retention.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod child;
mod crash;
mod damage;
mod disk;
mod failures;
mod fixture;
mod index;
mod read_only;
#[path = "../support/reports.rs"]
mod reports;
mod retention;
mod two_processes;
