//! Into Postgres: each batch by binary COPY, in one transaction with the positions that it reaches.
//!
//! 1. [`PostgresSink::write`](pipeline::Sink::write) encodes events as COPY rows in memory (`rows`).
//! 2. [`PostgresSink::commit`](pipeline::Sink::commit) moves the positions, copies the rows and commits (`sink`).
//! 3. Whatever went wrong, [`PostgresSink::resume`](pipeline::Sink::resume) opens a new connection if the old one is
//!    in doubt, applies missing migrations (`migrations`) and reads the positions (`positions`).
//!
//! **Invariant:** nothing is kept in a session from one transaction to the next, neither settings nor statements: behind a
//! pooler each transaction may come to another session.
//! **Invariant:** a connection whose transaction did not end as expected is never used again.
//! **Invariant:** rows that are there already are neither changed nor rewritten, unless somebody asks to look their
//! places up again ([`reenrich`]).
//!
//! `synchronous_commit` stays as the server has it. Where it is off, a crash of the server may undo the last commits,
//! rows and positions alike; the sink then finds itself further back and writes them again.

mod config;
mod connection;
mod errors;
mod migrations;
mod positions;
mod reenrich;
mod remedies;
mod rows;
mod sink;
mod table;
mod tls;
mod url;

pub use config::{Config, ConfigError};
pub use migrations::{MigrateError, migrate, reach, stored_positions};
pub use reenrich::{ReenrichError, reenrich};
pub use sink::PostgresSink;
