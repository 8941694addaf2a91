//! pageberg's own image: an event told by the query of its address, for mail and for pages without scripts.

use axum::response::Response;
use event::Draft;

use super::fields::Fields;
use super::source::Source;
use super::{Asked, Message, Protocol, Reply, Request, parts, replies};
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The protocol of `GET /pixel.gif`.
pub struct Pixel;

/// Parameters that are keys of our own protocol.
const KEYS: [&str; 13] = [
    "event_id",
    "event_name",
    "event_time",
    "ip",
    "language",
    "referrer",
    "screen",
    "session_id",
    "site",
    "title",
    "user_agent",
    "user_id",
    "visitor_id",
];

impl Protocol for Pixel {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let event = vec![request.asked.uri.query().unwrap_or_default().as_bytes().to_vec()];
        parts::reserve(request, &event)?;
        let page = request.asked.referer();
        let read = move |query: &[u8]| draft(query, page.clone());
        Ok(Message::of(parts::events(event, request.max_event_bytes, read)))
    }

    fn answer(&self, _: &Asked<'_>, _: Reply, _: &[Verdict]) -> Response {
        replies::pixel()
    }
}

/// `page` stands for an address that the image's own leaves away.
fn draft(query: &[u8], page: Option<String>) -> Result<Draft, Fault> {
    let mut told = Source::query(query)?;
    let mut fields = Fields::default();
    fields.page(told.text("url")?.or(page), told.text("host")?);
    for key in KEYS {
        fields.set(key, told.text(key)?);
    }
    fields.props(told.object("props")?.unwrap_or_default());
    // The write key is the site's affair, not the event's.
    told.forget(&["key"]);
    fields.keep("pixel", told.rest());
    fields.draft()
}
