//! What the embedded log promises beyond the contract: crashes, damage, full disks, other processes, retention.

mod child;
mod crash;
mod damage;
mod disk;
mod failures;
mod fixture;
mod full;
mod index;
mod read_only;
mod retention;
mod two_processes;
