//! Snowplow's tracker protocol: `POST /com.snowplowanalytics.snowplow/tp2` and `GET /i`.
//!
//! Fields: <https://docs.snowplow.io/docs/sources/trackers/snowplow-tracker-protocol/>.

use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use event::{Draft, Timestamp, clock};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::fields::{Fields, number};
use super::source::{Source, nested};
use super::{Asked, Message, Protocol, Reply, Request, parts, replies};
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The protocol of @snowplow/browser-tracker, @snowplow/node-tracker and the other Snowplow trackers.
pub struct Snowplow;

/// The header of server-side anonymisation: the visitor's address is not to be kept.
const SP_ANONYMOUS: HeaderName = HeaderName::from_static("sp-anonymous");

/// Base64 for addresses; trackers leave the padding away.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The statuses of faults that trackers do not answer by sending the same again, and again.
const GIVEN_UP: [u16; 5] = [400, 401, 403, 410, 422];

/// A `payload_data` object.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Protocol for Snowplow {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let received_at = request.received_at;
        let is_anonymous = request.asked.headers.contains_key(SP_ANONYMOUS);
        if request.asked.method == Method::GET {
            let page = request.asked.referer();
            let query = vec![request.asked.uri.query().unwrap_or_default().as_bytes()];
            parts::reserve(request, &query)?;
            let read = move |query: &[u8]| draft(Source::query(query)?, received_at, page.clone(), is_anonymous);
            return Ok(Message::of(parts::events(query, request.max_event_bytes, read)));
        }
        let envelope: Envelope<'a> = parts::envelope(parts::trimmed(request.body))?;
        let events = parts::elements(envelope.data, request.max_events)?;
        parts::reserve(request, &events)?;
        let read = move |json: &[u8]| draft(Source::json(json)?, received_at, None, is_anonymous);
        Ok(Message::of(parts::events(events, request.max_event_bytes, read)))
    }

    fn answer(&self, request: &Asked<'_>, _: Reply, _: &[Verdict]) -> Response {
        if request.method == Method::GET { replies::pixel() } else { "ok".into_response() }
    }

    /// Trackers try again after any status but 2xx and some of the 4xx, events that came later waiting behind.
    fn refused(&self, problem: Problem) -> Problem {
        let status = problem.status();
        let is_given_up = GIVEN_UP.contains(&status.as_u16());
        let may_pass = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        if status.is_client_error() && !is_given_up && !may_pass {
            return problem.with_status(StatusCode::BAD_REQUEST);
        }
        problem
    }
}

/// `page` stands for an address that an image's sender leaves away.
fn draft(mut event: Source, received_at: Timestamp, page: Option<String>, is_anonymous: bool) -> Result<Draft, Fault> {
    let mut fields = Fields::default();
    let kind = event.needed("e")?;
    set_kind(&mut fields, kind, &mut event)?;
    fields.page(event.text("url")?.or(page), None);
    for (theirs, ours) in [
        ("refr", "referrer"),
        ("page", "title"),
        ("aid", "site"),
        ("lang", "language"),
        ("res", "screen"),
        ("ip", "ip"),
        ("ua", "user_agent"),
        ("duid", "visitor_id"),
        ("uid", "user_id"),
        ("sid", "session_id"),
    ] {
        fields.set(ours, event.text(theirs)?);
    }
    if is_anonymous {
        fields.withhold_address();
    }
    fields.set("contexts", self_describing(&mut event, "co", "cx")?.map(|(_, data)| data));
    let event_id = event.text("eid")?;
    let created = event.time("dtm");
    if fields.identity("snowplow", event_id.as_deref(), created) {
        fields.set("eid", event_id);
    }
    let (sent, told) = (event.time("stm"), event.time("ttm"));
    fields.time(told.or(derived(created, sent, received_at)));
    fields.keep("snowplow", event.rest());
    fields.draft()
}

/// Snowplow's `derived_tstamp`: <https://snowplow.io/blog/improving-snowplows-understanding-of-time>.
fn derived(created: Option<Timestamp>, sent: Option<Timestamp>, received_at: Timestamp) -> Option<Timestamp> {
    Some(clock::corrected(created?, Some(sent?), received_at))
}

/// The event's name and its properties.
fn set_kind(fields: &mut Fields, kind: String, event: &mut Source) -> Result<(), Fault> {
    let name = match kind.as_str() {
        "pv" => return Ok(()),
        "pp" => "page_ping".to_owned(),
        "se" => return set_structured(fields, event),
        "ue" => return set_self_described(fields, event),
        "tr" => "transaction".to_owned(),
        "ti" => "transaction_item".to_owned(),
        _ => kind,
    };
    fields.set("event_name", Some(name));
    Ok(())
}

fn set_structured(fields: &mut Fields, event: &mut Source) -> Result<(), Fault> {
    let action = event.needed("se_ac")?;
    fields.set("event_name", Some(action));
    let mut props = Map::new();
    for (theirs, ours) in [("se_ca", "category"), ("se_la", "label"), ("se_pr", "property")] {
        props.extend(event.text(theirs)?.map(|text| (ours.to_owned(), text.into())));
    }
    props.extend(event.text("se_va")?.map(|text| ("value".to_owned(), number(text))));
    fields.props(props);
    Ok(())
}

fn set_self_described(fields: &mut Fields, event: &mut Source) -> Result<(), Fault> {
    let (_, data) = self_describing(event, "ue_pr", "ue_px")?.ok_or_else(|| event.fault("ue_pr", "is missing"))?;
    let (schema, data) = schema_and_data(data).ok_or_else(|| event.fault("ue_pr", "must hold a schema and data"))?;
    fields.set("event_name", Some(schema_name(&schema).to_owned()));
    fields.set("schema", Some(schema));
    match data {
        Value::Object(props) => fields.props(props),
        other => fields.set("props", Some(other)),
    }
    Ok(())
}

/// A self-describing JSON, which is plain in one field or base64 in another.
fn self_describing(event: &mut Source, plain: &str, encoded: &str) -> Result<Option<(String, Value)>, Fault> {
    let (name, json) = match (event.text(plain)?, event.text(encoded)?) {
        (Some(text), _) => (plain, text.into_bytes()),
        (None, Some(text)) => {
            // Some trackers use the usual alphabet, and a query's plus sign is a blank.
            let text = text.replace(['+', ' '], "-").replace('/', "_");
            let decoded = BASE64.decode(text).map_err(|_| event.fault(encoded, "must be base64 for addresses"))?;
            (encoded, decoded)
        }
        (None, None) => return Ok(None),
    };
    let value = nested(&json).map_err(|reason| event.fault(name, reason))?;
    schema_and_data(value).map(Some).ok_or_else(|| event.fault(name, "must hold a schema and data"))
}

fn schema_and_data(value: Value) -> Option<(String, Value)> {
    let Value::Object(mut object) = value else { return None };
    match (object.remove("schema")?, object.remove("data")?) {
        (Value::String(schema), data) => Some((schema, data)),
        _ => None,
    }
}

/// The name in `iglu:vendor/name/format/version`; the whole of it when it is no such address.
fn schema_name(schema: &str) -> &str {
    schema.strip_prefix("iglu:").and_then(|path| path.split('/').nth(1)).unwrap_or(schema)
}
