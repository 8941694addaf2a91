//! What waits to be written to one topic: bounded, refusing at once what is too much.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use event::Advance;
use tokio::sync::oneshot;

use super::frame::FRAME_HEADER_BYTES;
use crate::LogError;
use crate::metrics::TopicMetrics;

/// The offset of the first record once all are durable.
pub(super) type Reply = oneshot::Sender<Result<i64, LogError>>;

/// Records, and perhaps positions, to be made durable all together or not at all.
pub(super) struct Request {
    pub(super) payloads: Vec<Bytes>,
    /// A group and the move of its positions.
    pub(super) commit: Option<(Arc<str>, Advance)>,
    pub(super) reply: Reply,
}

impl Request {
    fn bytes(&self) -> usize {
        self.payloads.iter().map(Bytes::len).sum()
    }

    /// Bytes of the frames of its records.
    pub(super) fn frame_bytes(&self) -> u64 {
        (self.bytes() + FRAME_HEADER_BYTES * self.payloads.len()) as u64
    }

    /// Frames that it takes.
    fn records(&self) -> usize {
        self.payloads.len() + usize::from(self.commit.is_some())
    }
}

/// What [`Queue::drain`] found.
pub(super) enum Drained {
    Requests(Vec<Request>),
    /// Nothing came in the time given.
    Idle,
    /// Nothing is left, and nothing will come.
    Closed,
}

pub(super) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    max_bytes: usize,
    max_records: usize,
    metrics: Arc<TopicMetrics>,
}

#[derive(Default)]
struct State {
    requests: VecDeque<Request>,
    bytes: usize,
    records: usize,
    /// Why nothing is taken any more.
    closed: Option<String>,
    /// Whether that is a failure.
    failed: bool,
}

impl Queue {
    pub(super) fn new(max_bytes: usize, max_records: usize, metrics: Arc<TopicMetrics>) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), max_bytes, max_records, metrics }
    }

    /// Takes a request if there is room. One that wants more than half of the queue is taken while no more than half is, for
    /// under load the rest is never free.
    pub(super) fn push(&self, request: Request) -> Result<(), LogError> {
        let mut state = self.lock();
        if let Some(reason) = &state.closed {
            return Err(LogError::Unavailable { reason: reason.clone() });
        }
        let (bytes, records) = (state.bytes + request.bytes(), state.records + request.records());
        let has_room = fits(state.bytes, request.bytes(), self.max_bytes)
            && fits(state.records, request.records(), self.max_records);
        if !state.requests.is_empty() && !has_room {
            self.metrics.busy.increment(1);
            return Err(LogError::Busy);
        }
        state.requests.push_back(request);
        (state.bytes, state.records) = (bytes, records);
        self.metrics.queue(records, bytes);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits up to `timeout` for requests and takes about `max_bytes` of them, at least one.
    pub(super) fn drain(&self, max_bytes: usize, timeout: Duration) -> Drained {
        let nothing = |state: &mut State| state.requests.is_empty() && state.closed.is_none();
        let waited = self.arrived.wait_timeout_while(self.lock(), timeout, nothing);
        let (mut state, _) = waited.expect("nothing panics while it holds the queue");
        let (mut drained, mut bytes) = (Vec::new(), 0);
        while bytes < max_bytes
            && let Some(request) = state.requests.pop_front()
        {
            bytes += request.bytes();
            state.records -= request.records();
            drained.push(request);
        }
        state.bytes -= bytes;
        self.metrics.queue(state.records, state.bytes);
        match (drained.is_empty(), &state.closed) {
            (false, _) => Drained::Requests(drained),
            (true, None) => Drained::Idle,
            (true, Some(_)) => Drained::Closed,
        }
    }

    /// Takes nothing more; what waits is still written.
    pub(super) fn close(&self, reason: &str) {
        self.lock().closed.get_or_insert_with(|| reason.to_owned());
        self.arrived.notify_one();
    }

    /// Why the queue has failed, if it has.
    pub(super) fn failure(&self) -> Option<String> {
        let state = self.lock();
        state.closed.clone().filter(|_| state.failed)
    }

    /// Takes nothing more and refuses what waits.
    pub(super) fn fail(&self, reason: &str) {
        let mut state = self.lock();
        state.failed |= state.closed.is_none();
        let reason = state.closed.get_or_insert_with(|| reason.to_owned()).clone();
        let requests = std::mem::take(&mut state.requests);
        (state.bytes, state.records) = (0, 0);
        drop(state);
        self.metrics.queue(0, 0);
        for request in requests {
            // Nobody is left to hear it when the caller has gone.
            let _ = request.reply.send(Err(LogError::Unavailable { reason: reason.clone() }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the queue")
    }
}

/// Whether what is wanted may be added to what waits.
fn fits(waiting: usize, wanted: usize, limit: usize) -> bool {
    if wanted > limit / 2 { waiting <= limit / 2 } else { waiting + wanted <= limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(sizes: &[usize]) -> Request {
        let payloads = sizes.iter().map(|size| vec![0; *size].into()).collect();
        Request { payloads, commit: None, reply: oneshot::channel().0 }
    }

    fn queue() -> Queue {
        Queue::new(100, 3, Arc::new(TopicMetrics::new("t")))
    }

    #[test]
    fn what_is_too_much_is_refused_until_some_is_taken() {
        for (first, second, taken) in [
            (vec![60], vec![40], true),
            (vec![60], vec![41], false),
            (vec![1, 1], vec![1], true),
            (vec![1, 1], vec![1, 1], false),
            (vec![500], vec![1], false),
            (vec![1], vec![500], true),
            (vec![51], vec![500], false),
            (vec![1], vec![1; 3], true),
        ] {
            let queue = queue();
            queue.push(request(&first)).unwrap();
            let result = queue.push(request(&second));
            assert_eq!(result.is_ok(), taken, "{first:?} {second:?}");
            assert!(matches!(queue.drain(1000, Duration::ZERO), Drained::Requests(_)));
            queue.push(request(&second)).unwrap();
        }
    }

    #[test]
    fn what_waits_when_the_queue_is_closed_is_still_drained() {
        let queue = queue();
        queue.push(request(&[1])).unwrap();
        queue.close("the log is closed");
        assert!(matches!(queue.push(request(&[1])), Err(LogError::Unavailable { .. })));
        assert!(matches!(queue.drain(9, Duration::ZERO), Drained::Requests(_)));
        assert!(matches!(queue.drain(9, Duration::ZERO), Drained::Closed));
    }
}
