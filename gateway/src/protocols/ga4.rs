//! Google Analytics 4: the Measurement Protocol's `POST /mp/collect`, and gtag.js's `/g/collect`.
//!
//! Fields: <https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference>.

use axum::response::Response;
use event::Draft;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::fields::{Fields, number};
use super::source::Source;
use super::{Asked, Message, Protocol, Reply, Request, parts, replies};
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The Measurement Protocol, as servers speak it.
pub struct MeasurementProtocol;

/// What gtag.js sends: parameters in the address, and more in each line of a body.
pub struct Gtag;

const PAGE_VIEW: &str = "page_view";

/// Parameters of gtag.js that say how it was sent.
const FORGOTTEN: [&str; 12] = ["v", "_p", "_s", "_z", "z", "gtm", "gcd", "gcs", "npa", "dma", "tfd", "tag_exp"];

/// A request's events, and what they have in common, not looked into.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    events: &'a RawValue,
    #[serde(borrow)]
    client_id: Option<&'a RawValue>,
    #[serde(borrow)]
    app_instance_id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp_micros: Option<&'a RawValue>,
    #[serde(borrow)]
    user_properties: Option<&'a RawValue>,
    #[serde(borrow)]
    user_location: Option<&'a RawValue>,
    #[serde(borrow)]
    user_agent: Option<&'a RawValue>,
    #[serde(borrow)]
    ip_override: Option<&'a RawValue>,
    #[serde(borrow)]
    device: Option<&'a RawValue>,
    #[serde(borrow)]
    consent: Option<&'a RawValue>,
}

impl Protocol for MeasurementProtocol {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let body = parts::trimmed(request.body);
        let envelope: Envelope<'a> = parts::envelope(body)?;
        let events = parts::elements(envelope.events, request.max_events)?;
        parts::reserve(request, &events)?;
        let shared = envelope.shared(events.len(), request)?;
        let (mut key, mut site) = (None, None);
        for (name, value) in form_urlencoded::parse(request.asked.uri.query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "api_secret" => key = Some(value.into_owned()),
                "measurement_id" | "firebase_app_id" => site = Some(value.into_owned()),
                _ => {}
            }
        }
        let read = move |event: &[u8]| measured(event, &shared, site.clone());
        Ok(Message::of(parts::events(events, request.max_event_bytes, read)).with_key(key))
    }

    fn answer(&self, _: &Asked<'_>, _: Reply, _: &[Verdict]) -> Response {
        replies::nothing()
    }
}

impl Protocol for Gtag {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let query = request.asked.uri.query().unwrap_or_default();
        let mut lines = parts::lines(request.body, request.max_events)?;
        if lines.is_empty() {
            lines.push(b"");
        }
        parts::check_repeated("the query", query.len(), lines.len())?;
        parts::reserve(request, &[query])?;
        parts::reserve(request, &lines)?;
        let read = move |line: &[u8]| tagged(Source::query(&[query.as_bytes(), b"&", line].concat())?);
        Ok(Message::of(parts::events(lines, request.max_event_bytes, read)))
    }

    fn answer(&self, _: &Asked<'_>, _: Reply, _: &[Verdict]) -> Response {
        replies::nothing()
    }
}

impl Envelope<'_> {
    /// What so many events have in common.
    fn shared(&self, events: usize, request: &Request<'_>) -> Result<Map<String, Value>, Problem> {
        let fields = [
            ("client_id", self.client_id),
            ("app_instance_id", self.app_instance_id),
            ("user_id", self.user_id),
            ("timestamp_micros", self.timestamp_micros),
            ("user_properties", self.user_properties),
            ("user_location", self.user_location),
            ("user_agent", self.user_agent),
            ("ip_override", self.ip_override),
            ("device", self.device),
            ("consent", self.consent),
        ];
        let mut shared = Map::new();
        for (name, raw) in fields {
            if let Some(raw) = raw {
                shared.insert(name.to_owned(), parts::shared(name, raw, events, request)?);
            }
        }
        Ok(shared)
    }
}

/// An event of the Measurement Protocol.
fn measured(json: &[u8], shared: &Map<String, Value>, site: Option<String>) -> Result<Draft, Fault> {
    let mut event = Source::json(json)?;
    event.fill_from(shared);
    let mut params = event.inside("params")?;
    let mut device = event.inside("device")?;
    let mut fields = Fields::default();
    let name = event.needed("name")?;
    fields.set("event_name", Some(name).filter(|name| name != PAGE_VIEW));
    fields.set("site", site);
    fields.page(params.text("page_location")?, None);
    fields.set("referrer", params.text("page_referrer")?);
    fields.set("title", params.text("page_title")?);
    fields.set("language", params.text("language")?.or(device.text("language")?));
    fields.set("screen", params.text("screen_resolution")?.or(device.text("screen_resolution")?));
    fields.set("session_id", params.first(&["session_id", "ga_session_id"])?);
    fields.set("visitor_id", event.first(&["client_id", "app_instance_id"])?);
    fields.set("user_id", event.text("user_id")?);
    fields.set("user_agent", event.text("user_agent")?);
    fields.set("ip", event.text("ip_override")?);
    if params.asks("anonymize_ip") {
        fields.withhold_address();
    }
    fields.time(event.time("timestamp_micros"));
    fields.props(params.rest());
    event.put_back("device", device);
    fields.keep("ga4", event.rest());
    fields.draft()
}

/// An event of gtag.js.
fn tagged(mut event: Source) -> Result<Draft, Fault> {
    let mut fields = Fields::default();
    let name = event.needed("en")?;
    fields.set("event_name", Some(name).filter(|name| name != PAGE_VIEW));
    fields.page(event.text("dl")?, None);
    for (theirs, ours) in [
        ("tid", "site"),
        ("dr", "referrer"),
        ("dt", "title"),
        ("ul", "language"),
        ("sr", "screen"),
        ("sid", "session_id"),
        ("cid", "visitor_id"),
        ("uid", "user_id"),
    ] {
        fields.set(ours, event.text(theirs)?);
    }
    if event.asks("aip") || event.asks("ep.anonymize_ip") {
        fields.withhold_address();
    }
    event.forget(&FORGOTTEN);
    let mut props = Map::new();
    let mut rest = Map::new();
    for (name, value) in event.rest() {
        match (name.strip_prefix("ep."), name.strip_prefix("epn."), value) {
            (Some(name), _, value) => props.insert(name.to_owned(), value),
            (_, Some(name), Value::String(text)) => props.insert(name.to_owned(), number(text)),
            (_, _, value) => rest.insert(name, value),
        };
    }
    fields.props(props);
    fields.keep("ga4", rest);
    fields.draft()
}
