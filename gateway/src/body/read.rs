//! Reading a body from the network within its limits.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::{BodyError, Share};
use crate::meters::count_body_bytes;

/// What a body may take.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Bytes.
    pub max_bytes: usize,
    /// Time for all of it, in milliseconds.
    pub timeout_ms: u64,
}

/// Reads the whole body; its bytes are taken of `share` as they arrive. `deadline` ends the waiting.
///
/// # Errors
/// `TooLarge` (at once when the length is announced), `TooSlow`, `Exhausted` or `Broken`.
pub async fn read(body: &mut Body, limits: Limits, deadline: Instant, share: &mut Share) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > limits.max_bytes as u64 {
        return Err(BodyError::TooLarge { limit: limits.max_bytes });
    }
    let too_slow = |_| BodyError::TooSlow { limit_ms: limits.timeout_ms };
    timeout_at(deadline, collect(body, limits.max_bytes, share)).await.map_err(too_slow)?
}

async fn collect(body: &mut Body, limit: usize, share: &mut Share) -> Result<Bytes, BodyError> {
    let mut gathered = Gathered::default();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        count_body_bytes(chunk.len());
        if gathered.len() + chunk.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        share.take(chunk.len())?;
        gathered.push(chunk);
    }
    Ok(gathered.whole())
}

/// Chunks joined into one piece of memory; a single one is not copied.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    joined: BytesMut,
}

impl Gathered {
    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, chunk: Bytes) {
        if self.len() == 0 {
            self.first = chunk;
            return;
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        self.joined.extend_from_slice(&chunk);
    }

    fn whole(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

/// Reads on and forgets, so that the sender of a refused body has a chance to read the answer: a connection closed on
/// unread bytes is reset, and the answer with it. Gives up at `deadline` and on bodies of more than twice the limit.
pub async fn discard(body: &mut Body, limits: Limits, deadline: Instant) {
    let max_bytes = limits.max_bytes.saturating_mul(2);
    let mut discarded = 0;
    while discarded <= max_bytes && body.size_hint().lower() <= max_bytes as u64 {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => discarded += frame.data_ref().map_or(0, Bytes::len),
            Ok(None | Some(Err(_))) | Err(_) => return,
        }
    }
}

impl Limits {
    /// When a body that starts to arrive now must be there.
    pub fn deadline(self) -> Instant {
        Instant::now() + Duration::from_millis(self.timeout_ms)
    }
}
