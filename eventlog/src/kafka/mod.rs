//! The log on Apache Kafka: idempotent appends, groups that share partitions, transactions with the group's positions.
//!
//! - An append is answered after the brokers' acknowledgement (`acks=all`). It waits with a bounded number of records and
//!   bytes; more is `Busy`, and nothing of it was sent.
//! - Data are read by consumers outside of any group; a member of a group only holds partitions.
//! - A commit writes outputs and positions in one transaction. Where this process has joined the group, the coordinator
//!   refuses it once the group has moved on: a worker that was paused while its partitions went to another writes nothing.
//!   Where it has not joined, positions that two processes move at the same moment are not told apart.
//! - A worker killed within a transaction leaves it open until `transaction_timeout_ms` is over. Until the brokers abort it,
//!   readers of that output wait before it, and [`positions`](crate::EventLog::positions) of its partitions are
//!   `Unavailable`. A transactor is open only while it commits, so this is rare.
//! - The cluster forgets the positions of a group that has had no member for `offsets.retention.minutes` (seven days
//!   unless set otherwise).
//!
//! **Invariant:** offsets are dense in topics that are only appended to. Each transaction takes one offset more in each
//! partition that it writes to, which no reader sees.
//! **Invariant:** nothing that blocks runs on the async threads.

mod append;
mod call;
mod client;
mod config;
mod context;
mod errors;
mod group;
mod log;
mod membership;
mod partitioner;
mod queries;
mod reader;
mod sender;
mod topics;
mod transactor;

pub use config::{Compression, Config, SaslMechanism, Security};
pub use log::KafkaLog;
