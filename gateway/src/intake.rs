//! The way of one request's events into the log: body, verdicts, append, answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::EXPECT;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use event::{Outcome, Timestamp};
use eventlog::{EventLog, LogError};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::admission::Admission;
use crate::answer;
use crate::body::{self, BodyError, Budget, Encoding, Limits, Share};
use crate::config::Config;
use crate::connection::LargeHead;
use crate::finish::Finishing;
use crate::judge::{Judged, Received, Rules, judge};
use crate::problem::Problem;
use crate::protocols::{Asked, Protocol};
use crate::readiness::Readiness;
use crate::tally::{Tally, count_refused};
use crate::verdict::Verdict;

/// Bodies up to this size are judged where they are read; larger and compressed ones off the async threads.
const JUDGED_INLINE_BYTES: usize = 64 << 10;

/// A request whose events wait to become durable.
struct Settling {
    received: Box<Received>,
    judged: Judged,
    tally: Tally,
}

/// What all requests share.
pub struct Intake {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) topic: String,
    pub(crate) readiness: Readiness,
    pub(crate) admission: Arc<Admission>,
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
            admission: Arc::new(Admission::new(config)),
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
    pub async fn take(self: Arc<Self>, protocol: &'static dyn Protocol, peer: IpAddr, request: Request) -> Response {
        let tally = Tally::unread();
        // Not even the rest of its body is read, for which there may be no end.
        let _turn = match self.admission.enter(peer, request.headers()) {
            Ok(turn) => turn,
            Err(problem) => return protocol.refused(tally.fail(problem)).into_response(),
        };
        let mut share = self.budget.share();
        let received = match self.receive(protocol, peer, request, &mut share).await {
            Ok(received) => received,
            Err(problem) => return protocol.refused(tally.fail(problem)).into_response(),
        };
        let answered = match self.judge(received, share, tally).await {
            Ok(judged) => {
                let tasks = self.tasks.clone();
                Finishing::new(self.append(judged), tasks).await
            }
            Err(problem) => Err(problem),
        };
        answered.unwrap_or_else(|problem| protocol.refused(problem).into_response())
    }

    async fn receive(
        &self,
        protocol: &'static dyn Protocol,
        peer: IpAddr,
        request: Request,
        share: &mut Share,
    ) -> Result<Box<Received>, Problem> {
        let (head, mut body) = request.into_parts();
        let large_head_bytes = head.extensions.get().map_or(0, |LargeHead(bytes)| *bytes);
        let deadline = self.limits.deadline();
        let read = async {
            share.take(large_head_bytes).map_err(BodyError::from)?;
            let asked = Asked { method: &head.method, uri: &head.uri, headers: &head.headers };
            let caller = self.admission.caller(peer, &asked)?;
            let encoding = Encoding::of(&head.headers)?;
            let bytes: Bytes = body::read(&mut body, self.limits, deadline, share).await?;
            Ok((caller, encoding, bytes))
        };
        match read.await {
            Ok((caller, encoding, body)) => {
                Ok(Box::new(Received { protocol, head, body, encoding, received_at: Timestamp::now(), caller }))
            }
            Err(problem) => {
                share.keep(0);
                // A sender that asks first sees the answer, and sends nothing unless we read on.
                if !head.headers.contains_key(EXPECT) {
                    body::discard(&mut body, self.limits, deadline).await;
                }
                Err(problem)
            }
        }
    }

    async fn judge(&self, mut received: Box<Received>, share: Share, mut tally: Tally) -> Result<Settling, Problem> {
        let is_small = received.encoding == Encoding::Identity && received.body.len() <= JUDGED_INLINE_BYTES;
        let (rules, records) = (self.rules, self.budget.share());
        let work = move |admission: &Admission| match judge(&mut received, admission, rules, share, records, &mut tally)
        {
            Ok(judged) => Ok(Settling { received, judged, tally }),
            Err(problem) => Err(tally.fail(problem)),
        };
        if is_small {
            return work(&self.admission);
        }
        let admission = self.admission.clone();
        let turn = self.turns.clone().acquire_owned().await;
        let judged = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&admission)
        });
        judged.await.unwrap_or_else(|panic| {
            error!(error = &panic as &dyn std::error::Error, "judging a body ended in a panic");
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be handled"))
        })
    }

    async fn append(self: Arc<Self>, settling: Settling) -> Result<Response, Problem> {
        let Settling { received, judged: Judged { records, verdicts, reply, share, .. }, mut tally } = settling;
        let accepted = records.len();
        let faults = verdicts.iter().filter_map(Verdict::fault);
        let rejected = faults.inspect(|fault| count_refused(fault.kind.as_str(), 1)).count();
        tally.settle(Outcome::Rejected, rejected);
        tally.settle(Outcome::Ignored, verdicts.len() - accepted - rejected);
        if rejected > 0 && rejected == verdicts.len() {
            return Err(answer::all_bad(verdicts));
        }
        if accepted > 0 {
            if let Err(error) = self.log.append(&self.topic, records).await {
                self.note_failure(&error);
                return Err(tally.fail(answer::not_durable(&error)));
            }
            tally.settle(Outcome::Accepted, accepted);
            self.note_success();
        }
        Ok(answer::holding(received.protocol.answer(&received.asked(), reply, &verdicts), share))
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
