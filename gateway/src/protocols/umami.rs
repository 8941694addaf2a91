//! umami's `POST /api/send`: `{"type", "payload"}`; and `POST /api/batch`: an array of them.
//!
//! Fields: the server's `src/app/api/send/request-schema.ts`.

use axum::response::Response;
use event::Draft;
use event::split::split;
use serde_json::json;

use super::fields::Fields;
use super::source::Source;
use super::{Asked, Message, Protocol, Reply, Request, parts, replies};
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The protocol of umami's script.js and @umami/node.
pub struct Umami;

impl Protocol for Umami {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let body = parts::trimmed(request.body);
        let is_batch = body.starts_with(b"[");
        let events = if is_batch { split(body, request.max_events)? } else { vec![body] };
        parts::reserve(request, &events)?;
        let reply = if is_batch { Reply::Bulk } else { Reply::Usual };
        Ok(Message::of(parts::events(events, request.max_event_bytes, draft)).with_reply(reply))
    }

    /// The script reads the answer as JSON, for a session's token that it sends back as a header. Without a token, as in
    /// umami's own answer to a bot, it sends none.
    fn answer(&self, _: &Asked<'_>, reply: Reply, verdicts: &[Verdict]) -> Response {
        if reply != Reply::Bulk {
            return replies::json(r#"{"beep":"boop"}"#);
        }
        let faults: Vec<_> =
            verdicts.iter().enumerate().filter_map(|(index, verdict)| Some((index, verdict.fault()?))).collect();
        let details: Vec<_> = faults.iter().map(|(index, fault)| json!({"index": index, "response": fault})).collect();
        let counts = json!({
            "size": verdicts.len(),
            "processed": verdicts.len() - faults.len(),
            "errors": faults.len(),
            "details": details,
        });
        replies::json(counts.to_string())
    }
}

fn draft(json: &[u8]) -> Result<Draft, Fault> {
    let mut event = Source::json(json)?;
    let kind = event.needed("type")?;
    let mut payload = event.inside("payload")?;
    let mut fields = Fields::default();
    let name = payload.text("name")?;
    fields.set("event_name", if kind == "event" { name } else { Some(kind) });
    fields.set("site", payload.first(&["website", "link", "pixel"])?);
    fields.page(payload.text("url")?, payload.text("hostname")?);
    for (theirs, ours) in [
        ("referrer", "referrer"),
        ("title", "title"),
        ("language", "language"),
        ("screen", "screen"),
        ("ip", "ip"),
        ("userAgent", "user_agent"),
        ("id", "user_id"),
        ("vid", "visitor_id"),
    ] {
        fields.set(ours, payload.text(theirs)?);
    }
    fields.time(payload.time("timestamp"));
    fields.props(payload.object("data")?.unwrap_or_default());
    fields.keep("umami", payload.rest());
    fields.draft()
}
