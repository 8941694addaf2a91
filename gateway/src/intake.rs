//! The way of one request's events into the log: body, verdicts, append, answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::EXPECT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use event::{Outcome, Timestamp};
use eventlog::{EventLog, LogError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::answer;
use crate::body::{self, BodyError, Budget, Encoding, Limits, Share};
use crate::config::Config;
use crate::finish::Finishing;
use crate::judge::{Judged, Received, Rules, judge};
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::tally::Tally;

/// Bodies up to this size are judged where they are read; larger and compressed ones off the async threads.
const JUDGED_INLINE_BYTES: usize = 64 << 10;

/// What all requests share.
pub struct Intake {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) topic: String,
    pub(crate) readiness: Readiness,
    /// Set once no more requests are wanted.
    pub(crate) closing: CancellationToken,
    /// Connections, and appends whose senders went away.
    pub(crate) tasks: TaskTracker,
    budget: Arc<Budget>,
    /// Turns at judging off the async threads.
    turns: Arc<Semaphore>,
    limits: Limits,
    rules: Rules,
}

impl Intake {
    /// An intake that appends to `topic`.
    pub fn new(config: &Config, log: Arc<dyn EventLog>, topic: String) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            log,
            topic,
            readiness: Readiness::new(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            budget: Budget::new(config.max_buffered_bytes),
            turns: Arc::new(Semaphore::new(cores)),
            limits: Limits { max_bytes: config.max_body_bytes, timeout_ms: config.body_timeout_ms },
            rules: Rules {
                max_event_bytes: config.max_event_bytes,
                max_body_bytes: config.max_body_bytes,
                max_events: config.max_events,
            },
        }
    }

    /// Takes the events of one request. When the request is cancelled, an append under way is still finished.
    pub async fn take(self: Arc<Self>, peer: IpAddr, headers: &HeaderMap, body: Body) -> Response {
        let tally = Tally::unread();
        let mut share = self.budget.share();
        let received = match self.receive(peer, headers, body, &mut share).await {
            Ok(received) => received,
            Err(error) => return tally.fail(error.into()).into_response(),
        };
        match self.judge(received, share, tally).await {
            Ok((judged, tally)) => {
                let tasks = self.tasks.clone();
                Finishing::new(self.append(judged, tally), &tasks).await
            }
            Err(problem) => problem.into_response(),
        }
    }

    async fn receive(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        mut body: Body,
        share: &mut Share,
    ) -> Result<Received, BodyError> {
        let deadline = self.limits.deadline();
        let read = async {
            let encoding = Encoding::of(headers)?;
            let bytes: Bytes = body::read(&mut body, self.limits, deadline, share).await?;
            Ok(Received { body: bytes, encoding, received_at: Timestamp::now(), peer })
        };
        let received = read.await;
        if received.is_err() {
            share.keep(0);
            // A sender that asks first sees the answer, and sends nothing unless we read on.
            if !headers.contains_key(EXPECT) {
                body::discard(&mut body, self.limits, deadline).await;
            }
        }
        received
    }

    async fn judge(&self, received: Received, share: Share, mut tally: Tally) -> Result<(Judged, Tally), Problem> {
        let is_small = received.encoding == Encoding::Identity && received.body.len() <= JUDGED_INLINE_BYTES;
        let (rules, records) = (self.rules, self.budget.share());
        let work = move || match judge(received, rules, share, records, &mut tally) {
            Ok(judged) => Ok((judged, tally)),
            Err(problem) => Err(tally.fail(problem)),
        };
        if is_small {
            return work();
        }
        let turn = self.turns.clone().acquire_owned().await;
        let judged = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        judged.await.unwrap_or_else(|panic| {
            error!(error = &panic as &dyn std::error::Error, "judging a body ended in a panic");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be handled"))
        })
    }

    async fn append(self: Arc<Self>, judged: Judged, mut tally: Tally) -> Response {
        let Judged { records, verdicts, share } = judged;
        let accepted = records.len();
        tally.settle(Outcome::Rejected, verdicts.len() - accepted);
        if records.is_empty() {
            return answer::all_bad(verdicts.into_iter().filter_map(Result::err).collect()).into_response();
        }
        match self.log.append(&self.topic, records).await {
            Ok(_) => {
                tally.settle(Outcome::Accepted, accepted);
                self.note_success();
                answer::durable(verdicts, share)
            }
            Err(error) => {
                self.note_failure(&error);
                tally.fail(answer::not_durable(&error)).into_response()
            }
        }
    }

    fn note_success(&self) {
        if self.readiness.append_succeeded() {
            info!(topic = self.topic, "the log takes events again");
        }
    }

    fn note_failure(&self, error: &LogError) {
        if self.readiness.append_failed(error) {
            error!(topic = self.topic, error = error as &dyn std::error::Error, "the log does not take events");
        }
    }
}
