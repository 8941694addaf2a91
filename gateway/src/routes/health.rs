//! `GET /health/live` and `GET /health/ready`, for orchestrators and load balancers.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::timeout;

use crate::intake::Intake;
use crate::problem::Problem;

/// A log that takes longer to tell its partitions is not ready.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// 200 as long as requests are answered at all; 503 once the log takes nothing more before a restart.
pub async fn live(State(intake): State<Arc<Intake>>) -> Result<&'static str, Problem> {
    if intake.log.failure().is_some() {
        // What failed stands in the log of the process, with names of files that are nobody else's business.
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the log needs a restart").retry_after_seconds(5));
    }
    Ok("live\n")
}

/// 200 when events can be recorded; 503 when the log fails, or the gateway is stopping.
pub async fn ready(State(intake): State<Arc<Intake>>) -> Result<&'static str, Problem> {
    let unready = |detail| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after_seconds(1));
    let probe = timeout(PROBE_TIMEOUT, intake.log.partitions(&intake.topic)).await;
    match probe {
        _ if intake.closing.is_cancelled() => unready("the gateway is stopping"),
        _ if !intake.readiness.is_ready() => unready("events could not be recorded"),
        Ok(Ok(_)) => Ok("ready\n"),
        Ok(Err(_)) | Err(_) => unready("the log does not answer"),
    }
}
