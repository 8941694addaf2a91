//! What the log on Kafka promises beyond the contract: outages, groups, fencing, others' topics, secured connections.

mod fencing;
mod fixture;
mod groups;
mod outage;
mod records;
mod retention;
mod security;
mod topics;
