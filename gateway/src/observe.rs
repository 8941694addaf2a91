//! Measures each request, also one that its sender gives up.

use std::time::Instant;

use axum::http::StatusCode;
use metrics::{counter, histogram};

use crate::metrics::{HTTP_REQUEST_SECONDS, HTTP_REQUESTS_TOTAL};

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
        histogram!(HTTP_REQUEST_SECONDS, "route" => self.route).record(self.begun.elapsed().as_secs_f64());
        self.count(status.as_str().to_owned());
    }

    fn count(&self, status: impl Into<metrics::SharedString>) {
        counter!(HTTP_REQUESTS_TOTAL, "route" => self.route, "status" => status.into()).increment(1);
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if !self.answered {
            self.count("cancelled");
        }
    }
}
