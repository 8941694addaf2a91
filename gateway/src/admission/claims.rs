//! What senders say of their visitors: believed, or left out and counted.

use std::borrow::Cow;
use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, ORIGIN, REFERER, USER_AGENT};
use event::{Draft, Event};
use metrics::counter;

use crate::metrics::IGNORED_FIELDS_TOTAL;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// `trusted` from a sender whose events are worth nothing without what it says of its visitors, such as an import: rather
/// than record them with less, they are refused.
const PAGEBERG_SENDER: HeaderName = HeaderName::from_static("pageberg-sender");

/// How far an untrusted sender's `event_time` may lie from the time of receipt.
pub struct TimeWindow {
    max_age_micros: i64,
    max_ahead_micros: i64,
}

impl TimeWindow {
    /// A window from so many milliseconds before the receipt to so many after it.
    pub fn new(max_age_ms: u64, max_ahead_ms: u64) -> Self {
        let micros = |ms: u64| i64::try_from(ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        Self { max_age_micros: micros(max_age_ms), max_ahead_micros: micros(max_ahead_ms) }
    }

    /// Gives an event whose time lies outside the time of its receipt.
    pub fn hold(&self, event: &mut Event) {
        let age = event.received_at.micros() - event.event_time.micros();
        if age > self.max_age_micros || age < -self.max_ahead_micros {
            count_ignored("event_time");
            event.event_time = event.received_at;
        }
    }
}

/// Takes out what only a trusted sender may say: another address than its own, and another user agent. That no address is to
/// be recorded, anybody may say.
pub fn disregard(draft: &mut Draft, address: IpAddr, headers: &HeaderMap) {
    if !draft.withholds_ip() && draft.take("ip").is_some_and(|ip| ip.trim().parse() != Ok(address)) {
        count_ignored("ip");
    }
    if draft.take("user_agent").is_some_and(|given| Some(given.as_str()) != user_agent(headers).as_deref()) {
        count_ignored("user_agent");
    }
}

fn count_ignored(field: &'static str) {
    counter!(IGNORED_FIELDS_TOTAL, "field" => field).increment(1);
}

/// The sender's own user agent, read as UTF-8 whatever it is (RFC 9110, section 5.5).
pub fn user_agent(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes())).filter(|text| !text.is_empty())
}

/// Whether a page in a browser sent the request: a server says nothing of pages.
pub fn is_browser(headers: &HeaderMap) -> bool {
    [ORIGIN, REFERER, SEC_FETCH_SITE].iter().any(|name| headers.contains_key(name))
}

/// Whether the sender wants to be believed or refused.
pub fn wants_trust(headers: &HeaderMap) -> bool {
    headers.get(PAGEBERG_SENDER).is_some_and(|value| value == "trusted")
}
