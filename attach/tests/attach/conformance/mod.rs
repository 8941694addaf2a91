//! The REST catalog over HTTP, in front of a real table.

mod access;
mod clients;
mod server;
