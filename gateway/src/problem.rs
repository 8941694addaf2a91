//! An error's answer: a problem details object (RFC 9457).

use axum::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use event::Outcome;
use serde::Serialize;

use crate::verdict::Fault;

/// An error as its sender is told.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    faults: Vec<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
    reason: Option<&'static str>,
}

/// The answer's JSON.
#[derive(Serialize)]
struct Details<'a> {
    /// `about:blank`: the status says what kind of problem it is (RFC 9457, section 4.2.1).
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    /// The fault of the only event there was.
    #[serde(flatten)]
    alone: Option<&'a Fault>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<EventFault<'a>>,
}

/// What is wrong with the event at a place in its batch, from 0.
#[derive(Serialize)]
struct EventFault<'a> {
    index: usize,
    #[serde(flatten)]
    fault: &'a Fault,
}

impl Problem {
    /// A problem of this status; `detail` is for the sender.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), faults: Vec::new(), headers: Vec::new(), reason: None }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Invites to try again after this many seconds.
    #[must_use]
    pub fn retry_after_seconds(self, seconds: u32) -> Self {
        self.with_header(RETRY_AFTER, seconds.into())
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Says under which reason its events are counted, of those that an operator would ask about.
    #[must_use]
    pub fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// Adds each event's fault, and to the top the fault of an event that was alone.
    #[must_use]
    pub fn with_faults(self, faults: Vec<Fault>) -> Self {
        Self { faults, ..self }
    }

    fn details(&self) -> Details<'_> {
        Details {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            alone: self.faults.first().filter(|_| self.faults.len() == 1),
            errors: self.faults.iter().enumerate().map(|(index, fault)| EventFault { index, fault }).collect(),
        }
    }

    /// Under which reason the events of a request that is answered with this are counted besides.
    pub fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    /// How the events of a request that is answered with this are counted.
    pub fn outcome(&self) -> Outcome {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => Outcome::Refused,
            status if status.is_client_error() => Outcome::Rejected,
            _ => Outcome::Refused,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = serde_json::to_vec(&self.details()).expect("text and numbers always serialise");
        let mut response = (self.status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(reason: &str) -> Fault {
        Fault::of("ip", reason)
    }

    fn json(problem: Problem) -> String {
        serde_json::to_string(&problem.details()).unwrap()
    }

    #[test]
    fn a_problem_says_what_rfc_9457_asks_and_the_faults_of_the_events() {
        let bare = Problem::new(StatusCode::NOT_FOUND, "no such page");
        let members = r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"no such page"}"#;
        assert_eq!(json(bare), members);
        let alone = json(Problem::new(StatusCode::BAD_REQUEST, "bad").with_faults(vec![fault("is bad")]));
        let faults = r#","field":"ip","reason":"is bad","errors":[{"index":0,"field":"ip","reason":"is bad"}]}"#;
        assert!(alone.ends_with(faults), "{alone}");
        let both = json(Problem::new(StatusCode::BAD_REQUEST, "bad").with_faults(vec![fault("a"), fault("b")]));
        assert!(!both.contains(r#""detail":"bad","field""#) && both.contains(r#""index":1"#), "{both}");
    }

    #[test]
    fn the_status_tells_whose_fault_it_was() {
        for (status, outcome) in [
            (StatusCode::BAD_REQUEST, Outcome::Rejected),
            (StatusCode::PAYLOAD_TOO_LARGE, Outcome::Rejected),
            (StatusCode::TOO_MANY_REQUESTS, Outcome::Refused),
            (StatusCode::SERVICE_UNAVAILABLE, Outcome::Refused),
        ] {
            assert_eq!(Problem::new(status, "").outcome(), outcome, "{status}");
        }
    }
}
