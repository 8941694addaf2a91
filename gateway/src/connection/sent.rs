//! An answer's body on its way through the connection, in parts of which it is known when each was sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use super::activity::{Activity, Unsent, Visit};

/// Parts are at most so large, so that a slow reader of a long answer is seen to go on.
const PART_BYTES: usize = 64 << 10;

/// A body in parts.
pub struct Sent {
    body: Body,
    /// Of a part that was too large.
    rest: Bytes,
    activity: Arc<Activity>,
    /// While the connection lets us wait, not the body the connection.
    waiting: Option<Unsent>,
    _visit: Visit,
}

/// The bytes of a part, with what tells that they are gone.
struct Part {
    bytes: Bytes,
    _unsent: Unsent,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Sent {
    /// The answer to a request.
    pub fn new(body: Body, activity: &Arc<Activity>, visit: Visit) -> Self {
        let waiting = Some(activity.unsent());
        Self { body, rest: Bytes::new(), activity: activity.clone(), waiting, _visit: visit }
    }

    fn part(&mut self, mut data: Bytes) -> Frame<Bytes> {
        self.rest = data.split_off(data.len().min(PART_BYTES));
        self.waiting = Some(self.activity.unsent());
        Frame::data(Bytes::from_owner(Part { bytes: data, _unsent: self.activity.unsent() }))
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.waiting = None;
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.part(rest))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| match frame?.into_data() {
            Ok(data) => Ok(self.part(data)),
            Err(trailers) => Ok(trailers),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole.set_lower(hint.lower() + rest);
        whole
    }
}
