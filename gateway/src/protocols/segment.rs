//! Segment's HTTP API under `/v1`: one call in a body, or a batch of them, answered with `{"success":true}`.
//!
//! Fields: <https://segment.com/docs/connections/spec/common/>.

use axum::response::Response;
use event::{Draft, Timestamp, clock};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::fields::{Fields, resolution};
use super::source::{Source, raw_text};
use super::{Asked, Message, Protocol, Reply, Request, parts, replies};
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The protocol of @segment/analytics-next, @segment/analytics-node and the other Segment libraries.
pub struct Segment;

const KINDS: [&str; 6] = ["page", "track", "identify", "screen", "group", "alias"];

/// What stands around the calls of a batch, or what of a lone call belongs there.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow, rename = "writeKey")]
    write_key: Option<&'a RawValue>,
    #[serde(borrow, rename = "sentAt")]
    sent_at: Option<&'a RawValue>,
}

/// What the calls of a request have in common.
struct Shared {
    context: Map<String, Value>,
    sent_at: Option<String>,
    received_at: Timestamp,
    /// The kind of call, when the path tells it.
    kind: Option<&'static str>,
}

impl Protocol for Segment {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let body = parts::trimmed(request.body);
        let envelope: Envelope<'a> = parts::envelope(body)?;
        let calls = match envelope.batch {
            Some(batch) => parts::elements(batch, request.max_events)?,
            None => vec![body],
        };
        parts::reserve(request, &calls)?;
        let shared = Shared {
            context: match envelope.batch.and(envelope.context) {
                Some(raw) => parts::shared("context", raw, calls.len(), request)?,
                None => Map::new(),
            },
            sent_at: raw_text(envelope.sent_at),
            received_at: request.received_at,
            kind: kind_of(request.asked.uri.path()),
        };
        let key = raw_text(envelope.write_key);
        let events = parts::events(calls, request.max_event_bytes, move |call| draft(call, &shared));
        Ok(Message::of(events).with_key(key))
    }

    fn answer(&self, _: &Asked<'_>, _: Reply, _: &[Verdict]) -> Response {
        replies::json(r#"{"success":true}"#)
    }
}

/// The kind of call by the path's last part, which some libraries shorten to one letter.
fn kind_of(path: &str) -> Option<&'static str> {
    let last = path.rsplit('/').next()?;
    KINDS.into_iter().find(|kind| last == *kind || last == &kind[..1])
}

fn draft(json: &[u8], shared: &Shared) -> Result<Draft, Fault> {
    let mut call = Source::json(json)?;
    let mut context = call.inside("context")?;
    context.fill_from(&shared.context);
    let kind = call.text("type")?.or(shared.kind.map(str::to_owned)).ok_or_else(|| call.fault("type", "is missing"))?;
    let mut fields = Fields::default();
    let name = match kind.as_str() {
        "page" => None,
        "track" => Some(call.needed("event")?),
        _ => Some(kind.clone()),
    };
    fields.set("event_name", name);
    set_page(&mut fields, &kind, &mut call, &mut context)?;
    set_visitor(&mut fields, &mut call, &mut context)?;
    set_time(&mut fields, &mut call, shared)?;
    call.forget(&["integrations", "_metadata", "writeKey", "sentAt", "receivedAt"]);
    call.put_back("context", context);
    fields.set("type", Some(kind));
    fields.keep("segment", call.rest());
    fields.draft()
}

/// The page is that of the context; a page call has it also among its properties, where it may be another's.
fn set_page(fields: &mut Fields, kind: &str, call: &mut Source, context: &mut Source) -> Result<(), Fault> {
    let mut page = context.inside("page")?;
    let mut props = call.inside("properties")?;
    let mut url = page.text("url")?;
    let mut referrer = page.text("referrer")?;
    let mut title = page.text("title")?;
    if kind == "page" {
        url = props.text("url")?.or(url);
        referrer = props.text("referrer")?.or(referrer);
        title = props.text("title")?.or(title);
    }
    if url.is_some() {
        // The address says them again.
        page.forget(&["path", "search"]);
        if kind == "page" {
            props.forget(&["path", "search"]);
        }
    }
    fields.page(url, None);
    fields.set("referrer", referrer);
    fields.set("title", title);
    context.put_back("page", page);
    let mut props = props.rest();
    if matches!(kind, "page" | "screen") {
        for name in ["name", "category"] {
            if let Some(text) = call.text(name)? {
                props.insert(name.to_owned(), text.into());
            }
        }
    }
    fields.props(props);
    Ok(())
}

fn set_visitor(fields: &mut Fields, call: &mut Source, context: &mut Source) -> Result<(), Fault> {
    fields.set("visitor_id", call.text("anonymousId")?);
    fields.set("user_id", call.text("userId")?);
    if context.withholds("ip") {
        fields.withhold_address();
    }
    fields.set("ip", context.text("ip")?);
    fields.set("user_agent", context.text("userAgent")?);
    fields.set("language", context.text("locale")?);
    let mut screen = context.inside("screen")?;
    fields.set("screen", resolution(screen.text("width")?, screen.text("height")?));
    context.put_back("screen", screen);
    Ok(())
}

fn set_time(fields: &mut Fields, call: &mut Source, shared: &Shared) -> Result<(), Fault> {
    let original = call.time("originalTimestamp");
    let timestamp = call.time("timestamp").or(original);
    let shared_sent_at = || shared.sent_at.as_ref().and_then(|text| Timestamp::parse(text).ok());
    let sent_at = call.time("sentAt").or_else(shared_sent_at);
    fields.time(timestamp.map(|timestamp| clock::corrected(timestamp, sent_at, shared.received_at)));
    let message_id = call.text("messageId")?;
    // The sender's own time: sent again, the event has another `sentAt`, and so another corrected time.
    if fields.identity("segment", message_id.as_deref(), timestamp) {
        fields.set("messageId", message_id);
    }
    Ok(())
}
