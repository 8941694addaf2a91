//! The ways in which senders tell page views over HTTP: one file each, pure.

#![expect(dead_code, reason = "no route reads by a protocol yet")]

use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use event::{Draft, EventId};

use crate::judge::Fault;
use crate::problem::Problem;

/// A way of telling page views: how its requests are read, and what its senders wait for.
pub trait Protocol: Send + Sync {
    /// The events of a request, each a draft or what is wrong with it, and who the sender says to be.
    ///
    /// # Errors
    /// The problem to answer with when the request as a whole cannot be read.
    fn read(&self, request: &Request<'_>) -> Result<Message, Problem>;

    /// The answer once the good events are durable.
    fn answer(&self, request: &Asked<'_>, verdicts: &[Result<EventId, Fault>]) -> Response;
}

/// A request whose body was read and decompressed.
pub struct Request<'a> {
    /// Its head.
    pub asked: Asked<'a>,
    /// Its body; empty when it has none.
    pub body: &'a [u8],
    /// Most events that it may hold.
    pub max_events: usize,
    /// Largest event, in bytes of its part of the body.
    pub max_event_bytes: usize,
}

/// A request's head.
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path and query.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

/// What a request says.
#[derive(Debug, Default)]
pub struct Message {
    /// The key that the sender gave, wherever the protocol has it.
    pub key: Option<String>,
    /// The events in their order.
    pub events: Vec<Result<Draft, Fault>>,
}
