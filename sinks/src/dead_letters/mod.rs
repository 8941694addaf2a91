//! Records that could not go on, kept on a topic of the log: none is lost, and each can be looked at and replayed.
//!
//! [`DeadLetterSink`] keeps what could not be decoded, exactly once. [`DeadLetterQueue`] keeps what another sink
//! refused, at least once: [`Listing`] leaves out what it has shown already, and what was replayed. [`LetterTableSink`]
//! writes the topic's letters to an Iceberg table, when that is configured.

mod listing;
mod outstanding;
mod queue;
mod rows;
mod sink;
mod table;

pub use listing::Listing;
pub use outstanding::Outstanding;
pub use queue::DeadLetterQueue;
pub use sink::DeadLetterSink;
pub use table::LetterTableSink;
