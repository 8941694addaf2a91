//! Measures each request, also one that its sender gives up.

use std::time::Instant;

use axum::http::StatusCode;
use metrics::counter;

use crate::meters::count_answer;
use crate::metrics::HTTP_REQUESTS_TOTAL;

/// A request under way; counted as cancelled when it is dropped without an answer.
pub struct Observed {
    route: &'static str,
    begun: Instant,
    answered: bool,
}

impl Observed {
    /// A request to `route` begins.
    pub fn begin(route: &'static str) -> Self {
        Self { route, begun: Instant::now(), answered: false }
    }

    /// The request has its answer.
    pub fn answered(mut self, status: StatusCode) {
        self.answered = true;
        count_answer(self.route, status, self.begun.elapsed().as_secs_f64());
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if !self.answered {
            counter!(HTTP_REQUESTS_TOTAL, "route" => self.route, "status" => "cancelled").increment(1);
        }
    }
}
