//! The ways in which senders tell page views over HTTP: one file each, pure.

mod fields;
mod ga4;
mod matomo;
mod native;
mod parts;
mod pixel;
mod plausible;
mod posthog;
mod replies;
mod segment;
mod snowplow;
mod source;
mod umami;

use axum::http::header::REFERER;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use event::{Draft, Timestamp, Verbatim};

pub use fields::host_of;
pub use ga4::{Gtag, MeasurementProtocol};
pub use matomo::Matomo;
pub use native::Native;
pub use pixel::Pixel;
pub use plausible::Plausible;
pub use posthog::PostHog;
pub use replies::pixel;
pub use segment::Segment;
pub use snowplow::Snowplow;
pub use umami::Umami;

use crate::body::Memory;
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// A way of telling page views: how its requests are read, and what its senders wait for.
pub trait Protocol: Send + Sync {
    /// The events of a request, each a draft or what is wrong with it, and who the sender says to be. What it builds of
    /// the body is reserved of [`Request::memory`] first.
    ///
    /// # Errors
    /// The problem to answer with when the request as a whole cannot be read.
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem>;

    /// The answer once the good events are durable: of the verdicts at least one is not a rejection, or there is none.
    fn answer(&self, request: &Asked<'_>, reply: Reply, verdicts: &[Verdict]) -> Response;

    /// The problem that a request is refused with, its status such that the protocol's senders try again what can be
    /// tried again, and nothing else.
    fn refused(&self, problem: Problem) -> Problem {
        problem
    }
}

/// A request whose body was read and decompressed.
pub struct Request<'a> {
    /// Its head.
    pub asked: Asked<'a>,
    /// Its body; empty when it has none.
    pub body: &'a [u8],
    /// When it was complete.
    pub received_at: Timestamp,
    /// Most events that it may hold.
    pub max_events: usize,
    /// Largest event, in bytes of its part of the body.
    pub max_event_bytes: usize,
    /// The memory for what is built of the body.
    pub memory: &'a Memory<'a>,
}

/// A request's head.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path and query.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

impl Asked<'_> {
    /// The page that asks, as browsers say for an image.
    pub fn referer(&self) -> Option<String> {
        let text = String::from_utf8_lossy(self.headers.get(REFERER)?.as_bytes());
        Some(text.into_owned()).filter(|text| !text.is_empty())
    }
}

/// An event as a request tells it.
pub struct Told<'a> {
    /// What it says.
    pub draft: Draft,
    /// Its own JSON, where its record may be that.
    pub verbatim: Option<Verbatim<'a>>,
}

impl From<Draft> for Told<'_> {
    fn from(draft: Draft) -> Self {
        Self { draft, verbatim: None }
    }
}

/// Events in their order, each as told or what is wrong with it: a vector's `into_iter()`, or made one by one.
pub type Events<'a> = Box<dyn ExactSizeIterator<Item = Result<Told<'a>, Fault>> + 'a>;

/// What a request says.
pub struct Message<'a> {
    /// The key that the sender gave in the body, if the protocol has one there; those of the head are found without it.
    pub key: Option<String>,
    /// The answer that it asks for.
    pub reply: Reply,
    /// The events.
    pub events: Events<'a>,
}

/// Which of its protocol's answers a request asks for, where its body tells that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reply {
    /// The usual one.
    #[default]
    Usual,
    /// One for many events at once.
    Bulk,
    /// As little as possible.
    Silent,
}

impl<'a> Message<'a> {
    /// A message without a key in its body.
    pub fn of<T: Into<Told<'a>>>(
        events: impl IntoIterator<Item = Result<T, Fault>, IntoIter: ExactSizeIterator + 'a>,
    ) -> Self {
        let events = events.into_iter().map(|event| event.map(Into::into));
        Self { key: None, reply: Reply::default(), events: Box::new(events) }
    }

    /// The same with the key of its body.
    #[must_use]
    pub fn with_key(self, key: Option<String>) -> Self {
        Self { key, ..self }
    }

    /// The same with the answer that it asks for.
    #[must_use]
    pub fn with_reply(self, reply: Reply) -> Self {
        Self { reply, ..self }
    }
}
