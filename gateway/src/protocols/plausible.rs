//! Plausible's `POST /api/event`: one flat object, sent as text/plain, answered with 202 and `ok`.
//!
//! Fields: <https://plausible.io/docs/events-api> and the server's `Plausible.Ingestion.Request`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use event::Draft;
use serde_json::{Map, Value};

use super::fields::Fields;
use super::source::Source;
use super::{Asked, Message, Protocol, Reply, Request, parts};
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The protocol of plausible-tracker, @plausible-analytics/tracker and script.js.
pub struct Plausible;

const PAGE_VIEW: &str = "pageview";

/// Plausible's short names of what it keeps apart, and its long ones.
const RENAMED: [(&str, &str); 6] = [
    ("$", "revenue"),
    ("e", "engagement_time"),
    ("i", "interactive"),
    ("sd", "scroll_depth"),
    ("v", "tracker_script_version"),
    ("w", "screen_width"),
];

impl Protocol for Plausible {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let event = vec![parts::trimmed(request.body)];
        parts::reserve(request, &event)?;
        Ok(Message::of(parts::events(event, request.max_event_bytes, draft)))
    }

    fn answer(&self, _: &Asked<'_>, _: Reply, _: &[Verdict]) -> Response {
        (StatusCode::ACCEPTED, "ok").into_response()
    }
}

fn draft(json: &[u8]) -> Result<Draft, Fault> {
    let mut event = Source::json(json)?;
    let mut fields = Fields::default();
    let name = event.first(&["n", "name"])?.ok_or_else(|| event.fault("n", "is missing"))?;
    fields.set("event_name", Some(name).filter(|name| name != PAGE_VIEW));
    let url = event.first(&["u", "url"])?.ok_or_else(|| event.fault("u", "is missing"))?;
    fields.page(Some(url), None);
    fields.set("referrer", event.first(&["r", "referrer"])?);
    set_site(&mut fields, event.first(&["d", "domain"])?);
    fields.props(props(&mut event)?);
    for (short, long) in RENAMED {
        fields.set(long, event.take(short));
    }
    event.forget(&["h", "hashMode"]);
    fields.keep("plausible", event.rest());
    fields.draft()
}

/// A page can report to several sites at once, which Plausible separates with commas: the first is the event's.
fn set_site(fields: &mut Fields, domains: Option<String>) {
    let Some(domains) = domains else { return };
    let first = domains.split(',').map(str::trim).find(|domain| !domain.is_empty());
    fields.set("site", first);
    fields.set("domains", domains.contains(',').then_some(domains));
}

/// The custom properties.
fn props(event: &mut Source) -> Result<Map<String, Value>, Fault> {
    for name in ["p", "props", "m", "meta"] {
        if let Some(props) = event.object(name)? {
            return Ok(props);
        }
    }
    Ok(Map::new())
}
