//! Matomo's tracking API: `/matomo.php` and `/piwik.php`, a query, a form, or many queries in one JSON body.
//!
//! Fields: <https://developer.matomo.org/api-reference/tracking-api>.

use axum::response::Response;
use event::{Draft, Timestamp, clock, read_json};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, json};

use super::fields::{Fields, number};
use super::source::{Source, count_unreadable_time, raw_text};
use super::{Asked, Message, Protocol, Reply, Request, parts, replies};
use crate::problem::Problem;
use crate::verdict::{Fault, Verdict};

/// The protocol of matomo.js, matomo-tracker and the other Matomo clients.
pub struct Matomo;

const MICROS_A_SECOND: f64 = 1e6;

/// Parameters that say how to track, or nothing that is not told otherwise: `h`, `m` and `s` are the visitor's time of day.
const FORGOTTEN: [&str; 12] =
    ["rec", "apiv", "rand", "r", "h", "m", "s", "send_image", "queuedtracking", "token_auth", "bots", "debug"];

/// The parameters that make of a request something else than a page view.
const KINDS: [(&str, &str); 9] = [
    ("ping", "ping"),
    ("download", "download"),
    ("link", "outlink"),
    ("search", "search"),
    ("ec_id", "ecommerce_order"),
    ("idgoal", "goal"),
    ("c_i", "content_interaction"),
    ("c_n", "content_impression"),
    ("ca", "custom_action"),
];

/// A bulk request.
#[derive(Deserialize)]
struct Bulk<'a> {
    #[serde(borrow)]
    requests: &'a RawValue,
    #[serde(borrow)]
    token_auth: Option<&'a RawValue>,
    #[serde(borrow)]
    send_image: Option<&'a RawValue>,
}

impl Protocol for Matomo {
    fn read<'a>(&self, request: &Request<'a>) -> Result<Message<'a>, Problem> {
        let body = parts::trimmed(request.body);
        if body.starts_with(b"{") { read_bulk(request, body) } else { read_one(request, body) }
    }

    fn answer(&self, _: &Asked<'_>, reply: Reply, verdicts: &[Verdict]) -> Response {
        let invalid = verdicts.iter().filter(|verdict| verdict.fault().is_some()).count();
        match reply {
            Reply::Usual => replies::pixel(),
            Reply::Silent => replies::nothing(),
            Reply::Bulk => {
                let counts = json!({"status": "success", "tracked": verdicts.len() - invalid, "invalid": invalid});
                replies::json(counts.to_string())
            }
        }
    }
}

/// One event: its parameters are those of the query and those of the form.
fn read_one<'a>(request: &Request<'a>, body: &[u8]) -> Result<Message<'a>, Problem> {
    let query = request.asked.uri.query().unwrap_or_default().as_bytes();
    let parameters = [query, b"&", body].concat();
    request.memory.reserve(parameters.len())?;
    let events = vec![parameters];
    parts::reserve(request, &events)?;
    let mut key = None;
    let mut reply = Reply::Usual;
    for (name, value) in url::form_urlencoded::parse(&events[0]) {
        match name.as_ref() {
            "token_auth" => key = Some(value.into_owned()),
            "send_image" if value == "0" => reply = Reply::Silent,
            _ => {}
        }
    }
    let (page, received_at) = (request.asked.referer(), request.received_at);
    let read = move |query: &[u8]| draft(Source::query(query)?, received_at, page.clone());
    Ok(Message::of(parts::events(events, request.max_event_bytes, read)).with_key(key).with_reply(reply))
}

fn read_bulk<'a>(request: &Request<'a>, body: &'a [u8]) -> Result<Message<'a>, Problem> {
    let bulk: Bulk<'a> = parts::envelope(body)?;
    let events = parts::elements(bulk.requests, request.max_events)?;
    parts::reserve(request, &events)?;
    // Some clients give their token with each request.
    let first_key = || one_of_bulk(events.first()?).ok()?.text("token_auth").ok()?;
    let key = raw_text(bulk.token_auth).or_else(first_key);
    let is_silent = bulk.send_image.is_some_and(|raw| matches!(raw.get().trim_matches('"'), "0" | "false"));
    let received_at = request.received_at;
    let read = move |json: &[u8]| draft(one_of_bulk(json)?, received_at, None);
    Ok(Message::of(parts::events(events, request.max_event_bytes, read)).with_key(key).with_reply(if is_silent {
        Reply::Silent
    } else {
        Reply::Bulk
    }))
}

/// An element of a bulk request: an address with a query, or an object of parameters.
fn one_of_bulk(json: &[u8]) -> Result<Source, Fault> {
    match read_json::<String>(json) {
        Ok(address) => Source::query(address.split_once('?').map_or(address.as_str(), |(_, query)| query).as_bytes()),
        Err(_) => Source::json(json),
    }
}

/// What a request is that is no event and no page view.
fn kind_of(hit: &Source) -> Option<&'static str> {
    let found = KINDS.iter().find(|(parameter, _)| hit.tells(parameter)).map(|(_, kind)| *kind);
    // Goal 0 stands for ecommerce.
    found.or_else(|| hit.has("idgoal").then_some("ecommerce_cart_update"))
}

/// `page` stands for an address that an image's sender leaves away.
fn draft(mut hit: Source, received_at: Timestamp, page: Option<String>) -> Result<Draft, Fault> {
    let mut fields = Fields::default();
    fields.set("site", Some(hit.needed("idsite")?));
    set_kind(&mut fields, &mut hit)?;
    fields.page(hit.text("url")?.or(page), None);
    for (theirs, ours) in [
        ("urlref", "referrer"),
        ("action_name", "title"),
        ("lang", "language"),
        ("res", "screen"),
        ("cip", "ip"),
        ("ua", "user_agent"),
        ("uid", "user_id"),
    ] {
        fields.set(ours, hit.text(theirs)?);
    }
    fields.set("visitor_id", hit.first(&["cid", "_id"])?);
    fields.time(time(&mut hit, received_at));
    hit.forget(&FORGOTTEN);
    fields.keep("matomo", hit.rest());
    fields.draft()
}

/// `cdt` is a time, `cdo` so many seconds before it or before now.
fn time(hit: &mut Source, received_at: Timestamp) -> Option<Timestamp> {
    let told = hit.time("cdt");
    let Some(offset) = hit.text("cdo").unwrap_or_default() else { return told };
    let micros =
        offset.parse::<f64>().ok().filter(|seconds| seconds.is_finite()).map(|seconds| seconds.abs() * MICROS_A_SECOND);
    let time = micros.and_then(|micros| clock::before(told.unwrap_or(received_at), micros as i64));
    if time.is_none() {
        count_unreadable_time("cdo");
    }
    time.or(told)
}

/// The event's name and properties: the action names an event; other kinds keep the parameters that tell of them.
fn set_kind(fields: &mut Fields, hit: &mut Source) -> Result<(), Fault> {
    let name = hit.text("e_a")?.or_else(|| kind_of(hit).map(str::to_owned));
    fields.set("event_name", name);
    let mut props = Map::new();
    for (theirs, ours) in [("e_c", "category"), ("e_n", "name")] {
        props.extend(hit.text(theirs)?.map(|text| (ours.to_owned(), text.into())));
    }
    props.extend(hit.text("e_v")?.map(|text| ("value".to_owned(), number(text))));
    fields.props(props);
    Ok(())
}
