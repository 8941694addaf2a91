//! HTTP in, log out: takes events from websites and answers with 2xx only what the log holds durably.
//!
//! 1. [`Gateway::run`] accepts connections (`server`), finds out who is at their other ends and decrypts them (`transport`),
//!    and hands each request to its route (`connection`, `routes`).
//! 2. Who sent it is found from its head (`admission`), and its body read within its limits of size, time and memory
//!    (`body`).
//! 3. The body is decompressed and told into drafts of events by the protocol of its address (`protocols`).
//! 4. Each draft is judged: a record for the log of the site it belongs to, not wanted, or a fault (`admission`, `judge`).
//! 5. All records of a request are appended in one call; once they are durable the protocol answers (`intake`, `answer`).
//!
//! **Invariant:** a 2xx names only events that are durable, and those that the configuration ignores as ignored; whatever
//! else is not durable gets no 2xx.
//! **Invariant:** each event of each request is counted under exactly one outcome, cancelled requests included; a body
//! that was never told into events counts as one.
//! **Invariant:** bodies, what they decompress to, what is made of them and heads of more than 16 KiB never take more than
//! `max_buffered_bytes` over all requests.
//! **Invariant:** an address in a header or a body counts only from a sender that is configured to be trusted.
//! **Invariant:** an error's answer is problem+json, but for the pixel's, and never tells what goes on inside. The other
//! exceptions come from the HTTP parser below us: bytes that are no HTTP request are answered with a bare status.

mod admission;
mod answer;
mod body;
mod config;
mod connection;
mod finish;
mod follow;
mod intake;
mod judge;
mod meters;
mod metrics;
mod observe;
mod problem;
mod protocols;
mod readiness;
mod routes;
mod server;
mod tally;
mod transport;
mod verdict;

pub use admission::{FieldLimits, Network, OriginPattern, Rate, Site, SitesError};
pub use config::{Config, ConfigError, deserialize_listen, listen_address};
pub use metrics::describe;
pub use server::{Gateway, RenderMetrics, Topics};
pub use transport::TlsConfig;
