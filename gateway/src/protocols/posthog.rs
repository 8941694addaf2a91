//! PostHog's capture API: `/e/`, `/i/v0/e/`, `/batch/` and `/capture/`; JSON, gzipped, in base64, or in a form's `data`.
//!
//! Fields: <https://posthog.com/docs/api/capture>.

use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use event::split::split;
use event::{Draft, Timestamp, clock};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::form_urlencoded;

use super::fields::{Fields, resolution};
use super::source::{Source, raw_text};
use super::{Asked, Message, Protocol, Reply, Request, parts, replies};
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The protocol of posthog-js, posthog-node and the other PostHog libraries.
pub struct PostHog;

const PAGE_VIEW: &str = "$pageview";

/// How the libraries say that a visitor came by no link.
const DIRECT: &str = "$direct";

const GZIP_MAGIC: &[u8] = b"\x1f\x8b";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What stands around the events of a batch, or what of a lone event belongs there.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
    #[serde(borrow)]
    api_key: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    sent_at: Option<&'a RawValue>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// The part of an event's properties that names its project.
#[derive(Deserialize)]
struct Project<'a> {
    #[serde(borrow)]
    token: Option<&'a RawValue>,
}

impl Protocol for PostHog {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let body = payload(request)?;
        let body = body.slice_ref(parts::trimmed(&body));
        let mut sent_at = query_text(request, &["sent_at", "_"]);
        let mut key = None;
        let events = if body.starts_with(b"[") {
            split(&body, request.max_events)?
        } else {
            let envelope: Envelope<'_> = parts::envelope(&body)?;
            sent_at = raw_text(envelope.sent_at).or(sent_at);
            key = key_of(&envelope);
            match envelope.batch {
                Some(batch) => parts::elements(batch, request.max_events)?,
                None => vec![&body[..]],
            }
        };
        let first_key = || parts::envelope(events.first()?).ok().and_then(|event| key_of(&event));
        let key = key.or_else(first_key);
        // Parts of their own: the body may be one that was made here.
        let events: Vec<Bytes> = events.into_iter().map(|event| body.slice_ref(event)).collect();
        parts::reserve(request, &events)?;
        let sent_at = sent_at.and_then(|text| Timestamp::parse(&text).ok());
        let received_at = request.received_at;
        let read = move |event: &[u8]| draft(event, sent_at, received_at);
        Ok(Message::of(parts::events(events, request.max_event_bytes, read)).with_key(key))
    }

    /// posthog-js tries again unless the status is 200, or one of the 4xx.
    fn answer(&self, _: &Asked<'_>, _: Reply, _: &[Verdict]) -> Response {
        replies::json(r#"{"status":1}"#)
    }

    /// posthog-js gives up after any 4xx, too many requests included.
    fn refused(&self, problem: Problem) -> Problem {
        if problem.status() == StatusCode::TOO_MANY_REQUESTS {
            return problem.with_status(StatusCode::SERVICE_UNAVAILABLE);
        }
        problem
    }
}

/// The JSON, out of whatever it was wrapped in.
fn payload(request: &Request<'_>) -> Result<Bytes, Problem> {
    let wrapped = match query_text(request, &["data"]) {
        Some(data) => Bytes::from(data),
        None => {
            request.memory.reserve(request.body.len())?;
            Bytes::copy_from_slice(request.body)
        }
    };
    let plain = gunzipped(wrapped, request)?;
    let data = match plain.strip_prefix(b"data=") {
        Some(_) => form_data(&plain, request)?,
        None => plain,
    };
    if data.starts_with(b"{") || data.starts_with(b"[") {
        return Ok(data);
    }
    request.memory.reserve(data.len())?;
    match BASE64.decode(data.trim_ascii()) {
        Ok(decoded) => gunzipped(decoded.into(), request),
        Err(_) => Ok(data),
    }
}

fn gunzipped(bytes: Bytes, request: &Request<'_>) -> Result<Bytes, Problem> {
    if bytes.starts_with(GZIP_MAGIC) { Ok(request.memory.gunzip(&bytes)?) } else { Ok(bytes) }
}

/// The form's `data`. Base64 that was not encoded for a form had its plus signs read as blanks.
fn form_data(form: &[u8], request: &Request<'_>) -> Result<Bytes, Problem> {
    request.memory.reserve(2 * form.len())?;
    let data = form_urlencoded::parse(form).find(|(name, _)| name == "data").map(|(_, data)| data.into_owned());
    let data = data.unwrap_or_default();
    let is_json = data.starts_with(['{', '[']);
    Ok(if is_json { data.into() } else { data.replace(' ', "+").into() })
}

fn query_text(request: &Request<'_>, names: &[&str]) -> Option<String> {
    let query = request.asked.uri.query().unwrap_or_default().as_bytes();
    let found = form_urlencoded::parse(query).find(|(name, _)| names.contains(&name.as_ref()));
    found.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
}

fn key_of(envelope: &Envelope<'_>) -> Option<String> {
    let project = || serde_json::from_str::<Project<'_>>(envelope.properties?.get()).ok()?.token;
    raw_text(envelope.api_key).or_else(|| raw_text(envelope.token)).or_else(|| raw_text(project()))
}

fn draft(json: &[u8], sent_at: Option<Timestamp>, received_at: Timestamp) -> Result<Draft, Fault> {
    let mut event = Source::json(json)?;
    let mut props = event.inside("properties")?;
    let mut fields = Fields::default();
    // A place is found by the address alone. `ip=0` in the query says nothing: posthog-js sends it unless told otherwise.
    let withholds_address = props.withholds("$ip") || props.asks("$geoip_disable");
    let name = event.needed("event")?;
    fields.set("event_name", Some(name).filter(|name| name != PAGE_VIEW));
    fields.page(props.text("$current_url")?, None);
    fields.set("referrer", props.text("$referrer")?.filter(|referrer| referrer != DIRECT));
    for (theirs, ours) in [
        ("title", "title"),
        ("$browser_language", "language"),
        ("$ip", "ip"),
        ("$session_id", "session_id"),
        ("$user_id", "user_id"),
    ] {
        fields.set(ours, props.text(theirs)?);
    }
    if withholds_address {
        fields.withhold_address();
    }
    fields.set("user_agent", props.first(&["$raw_user_agent", "$useragent"])?);
    fields.set("screen", resolution(props.text("$screen_width")?, props.text("$screen_height")?));
    fields.set("visitor_id", event.first(&["distinct_id", "$distinct_id"])?.or(props.text("distinct_id")?));
    set_time(&mut fields, &mut event, &mut props, sent_at, received_at)?;
    for source in [&mut event, &mut props] {
        source.forget(&["token", "api_key"]);
    }
    fields.props(props.rest());
    fields.keep("posthog", event.rest());
    fields.draft()
}

/// As PostHog computes it: <https://posthog.com/docs/how-posthog-works/ingestion-pipeline>.
fn set_time(
    fields: &mut Fields,
    event: &mut Source,
    props: &mut Source,
    sent_at: Option<Timestamp>,
    received_at: Timestamp,
) -> Result<(), Fault> {
    let timestamp = event.time("timestamp");
    let own_sent_at = event.time("sent_at");
    let trusts_clock = props.take("$ignore_sent_at") == Some(Value::Bool(true));
    let sent_at = own_sent_at.or(sent_at).filter(|_| !trusts_clock);
    let offset_ms = event.text("offset").unwrap_or_default().and_then(|text| text.parse::<i64>().ok());
    let ago = offset_ms.and_then(|millis| clock::before(received_at, millis.checked_mul(1_000)?));
    let corrected = timestamp.map(|timestamp| clock::corrected(timestamp, sent_at, received_at));
    fields.time(corrected.or(ago));
    let uuid = event.first(&["uuid", "$insert_id"])?.or(props.text("$insert_id")?);
    if fields.identity("posthog", uuid.as_deref(), timestamp) {
        fields.set("uuid", uuid);
    }
    Ok(())
}
