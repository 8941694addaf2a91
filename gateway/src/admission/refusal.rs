//! Requests that are refused for who sent them, or for how many came.

use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderName, HeaderValue, StatusCode};

use super::rate::{OverLimit, Rate};
use crate::problem::Problem;

/// draft-ietf-httpapi-ratelimit-headers-11: what is left, and until when.
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The same: the quota, and the time in which it is full again.
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Why a request is refused before its events are looked at.
#[derive(Debug)]
pub enum Refusal {
    /// Its key is no site's.
    UnknownKey,
    /// It asks to be believed, and is not.
    NotTrusted,
    /// As many requests are being served as may be.
    Overload,
    /// As many of its address.
    AddressRequests,
    /// More events of its address than this limit allows.
    AddressRate(Rate, OverLimit),
    /// More events of its site than this limit allows.
    SiteRate(Rate, OverLimit),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownKey => Self::new(StatusCode::UNAUTHORIZED, "the key is not one of a configured site")
                .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"pageberg\""))
                .because("unknown_key"),
            Refusal::NotTrusted => Self::new(
                StatusCode::FORBIDDEN,
                "ip, user_agent and event_time of this sender would not be recorded: its address is none of \
                 trusted_senders, or a proxy hides it, and it gives no server key of a site",
            )
            .because("not_trusted"),
            Refusal::Overload => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests are being served at the moment")
                    .retry_after_seconds(1)
                    .because("overload")
            }
            Refusal::AddressRequests => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests of this address are being served")
                    .retry_after_seconds(1)
                    .because("address_requests")
            }
            Refusal::AddressRate(rate, over) => over_limit("address", rate, over).because("address_rate"),
            Refusal::SiteRate(rate, over) => over_limit("site", rate, over).because("site_rate"),
        }
    }
}

fn over_limit(policy: &str, rate: Rate, over: OverLimit) -> Problem {
    let OverLimit::Until(wait) = over else {
        let detail = format!("the request holds more events than one {policy} may send at once, {}", rate.burst());
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
    };
    let seconds = u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
    let window = rate.burst().div_ceil(rate.events_per_second.max(1));
    let detail = format!("too many events come from this {policy}: {} a second are taken", rate.events_per_second);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
        .retry_after_seconds(seconds)
        .with_header(RATELIMIT, text(format!("\"{policy}\";r=0;t={seconds}")))
        .with_header(RATELIMIT_POLICY, text(format!("\"{policy}\";q={};w={window}", rate.burst())))
}

fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("names and numbers are header text")
}
