//! Into a topic of the log for those who read on downstream: each event as JSON, in one transaction with the positions.
//!
//! The log may be Kafka or the embedded one. Kafka's readers see committed records alone with
//! `isolation.level=read_committed`.

mod config;
mod rows;
mod sink;

pub use config::Config;
pub use sink::KafkaSink;
