//! Where events end: each sink stores its rows and its log positions in one atomic step.
//!
//! Each folder has the same files: `config` (what can be set), `rows` (event → row, pure), `sink` (the only I/O).
//!
//! **Invariant:** positions live where the rows live, so that no crash can part them.

pub mod dead_letters;
pub mod iceberg;
pub mod kafka;
pub mod memory;
pub mod postgres;
mod publisher;
mod secret;

pub use secret::{Secret, SecretUrl};
