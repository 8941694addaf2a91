//! Counts how events end: each of them once, also when nobody is left to wait for the answer.

use event::Outcome;
use metrics::counter;

use crate::meters::count_events;
use crate::metrics::REFUSALS_TOTAL;
use crate::problem::Problem;

/// The events of one request whose outcome is still open. Those still open when it is dropped count as refused.
#[derive(Debug)]
#[must_use]
pub struct Tally {
    open: usize,
}

impl Tally {
    /// A request whose body has not been told into events: it counts as one.
    pub fn unread() -> Self {
        Self { open: 1 }
    }

    /// The body holds this many events.
    pub fn holds(&mut self, events: usize) {
        self.open = events;
    }

    /// So many events have ended this way.
    pub fn settle(&mut self, outcome: Outcome, events: usize) {
        debug_assert!(events <= self.open, "{events} of {} open events settled", self.open);
        self.open = self.open.saturating_sub(events);
        if events > 0 {
            count_events(outcome, events);
        }
    }

    /// All events still open end with this problem, which is handed through.
    pub fn fail(mut self, problem: Problem) -> Problem {
        if let Some(reason) = problem.reason() {
            count_refused(reason, self.open);
        }
        self.settle(problem.outcome(), self.open);
        problem
    }
}

/// So many events are not taken for this reason.
pub fn count_refused(reason: &'static str, events: usize) {
    counter!(REFUSALS_TOTAL, "reason" => reason).increment(events as u64);
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.settle(Outcome::Refused, self.open);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn every_event_is_counted_once_whatever_happens_to_its_request() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            let mut answered = Tally::unread();
            answered.holds(5);
            answered.settle(Outcome::Rejected, 2);
            answered.settle(Outcome::Accepted, 3);
            drop(answered);
            let mut cancelled = Tally::unread();
            cancelled.holds(10);
            drop(cancelled);
            let mut failed = Tally::unread();
            failed.holds(100);
            drop(failed.fail(Problem::new(StatusCode::BAD_REQUEST, "")));
            drop(Tally::unread().fail(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "")));
        });
        let text = recorder.handle().render();
        for (outcome, count) in [("accepted", 3), ("rejected", 102), ("refused", 11)] {
            let line = format!("pageberg_events_total{{outcome=\"{outcome}\"}} {count}\n");
            assert!(text.contains(&line), "{text}");
        }
    }
}
