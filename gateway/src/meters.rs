//! The metrics that every request moves: each thread keeps their handles, as to look one up takes longer than to count.

use std::cell::RefCell;
use std::thread::LocalKey;

use axum::http::StatusCode;
use event::Outcome;
use metrics::{Counter, Histogram, counter, histogram};

use crate::metrics::{EVENTS_TOTAL, HTTP_BODY_BYTES_TOTAL, HTTP_REQUEST_SECONDS, HTTP_REQUESTS_TOTAL};

/// Handles by their labels.
type Kept<L, H> = RefCell<Vec<(L, H)>>;

thread_local! {
    static BODY_BYTES: Kept<(), Counter> = RefCell::default();
    static EVENTS: Kept<Outcome, Counter> = RefCell::default();
    static REQUESTS: Kept<(&'static str, StatusCode), Counter> = RefCell::default();
    static SECONDS: Kept<&'static str, Histogram> = RefCell::default();
}

/// So many bytes of a body have come.
pub fn count_body_bytes(bytes: usize) {
    with(&BODY_BYTES, (), || counter!(HTTP_BODY_BYTES_TOTAL), |counter| counter.increment(bytes as u64));
}

/// So many events have ended this way.
pub fn count_events(outcome: Outcome, events: usize) {
    let register = || counter!(EVENTS_TOTAL, "outcome" => outcome.as_str());
    with(&EVENTS, outcome, register, |counter| counter.increment(events as u64));
}

/// A request to `route` was answered after so long.
pub fn count_answer(route: &'static str, status: StatusCode, seconds: f64) {
    with(&SECONDS, route, || histogram!(HTTP_REQUEST_SECONDS, "route" => route), |times| times.record(seconds));
    let register = || counter!(HTTP_REQUESTS_TOTAL, "route" => route, "status" => status.as_str().to_owned());
    with(&REQUESTS, (route, status), register, |counter| counter.increment(1));
}

/// Uses the handle of these labels, of which there are few.
fn with<L: PartialEq, H>(
    kept: &'static LocalKey<Kept<L, H>>,
    labels: L,
    register: impl FnOnce() -> H,
    apply: impl FnOnce(&H),
) {
    kept.with_borrow_mut(|kept| {
        if let Some((_, handle)) = kept.iter().find(|(known, _)| *known == labels) {
            return apply(handle);
        }
        let handle = register();
        apply(&handle);
        kept.push((labels, handle));
    });
}
