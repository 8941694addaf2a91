//! Where events end: each sink stores its rows and its log positions in one atomic step.
//!
//! 1. A lane of the pipeline asks a sink where it stands: `resume`.
//! 2. It hands over batches: `write` turns events into rows, in memory or in files that nobody reads yet.
//! 3. `commit` publishes the rows and moves the positions, both or neither.
//!
//! Each folder has the same files: `config` (what can be set), `rows` (event → row, pure), `sink` (the only I/O).
//!
//! **Invariant:** positions live where the rows live, so that no crash can part them.

pub mod dead_letters;
pub mod iceberg;
pub mod kafka;
pub mod memory;
pub mod metrics;
pub mod postgres;
mod publisher;
