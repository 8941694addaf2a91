//! What a lane has handed to its sink and not yet committed.

use std::sync::Arc;
use std::time::Duration;

use event::Outcome;
use tokio::time::{Instant, sleep_until};

use crate::Batch;

/// Batches of this size in memory are kept until they are committed, so that a refused row can be searched among them.
const MAX_KEPT_BYTES: usize = 32 << 20;

/// The batches staged since the last commit.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    /// Rows that the sink was given.
    pub rows: usize,
    /// Size of the records read for them.
    pub bytes: usize,
    memory_bytes: usize,
    since: Option<Instant>,
    duplicates: usize,
    dead: usize,
    /// All of the batches, or none once they are more than is kept.
    kept: Vec<Arc<Batch>>,
}

impl Staged {
    /// Counts a batch of which the sink takes `rows` and has refused others before.
    pub fn add(&mut self, batch: &Arc<Batch>, rows: usize, refused: usize) {
        self.since.get_or_insert_with(Instant::now);
        if self.is_full() {
            self.kept.clear();
        } else {
            self.kept.push(batch.clone());
        }
        self.rows += rows;
        self.bytes += batch.bytes;
        self.memory_bytes += batch.memory_bytes();
        self.duplicates += batch.duplicates.len();
        self.dead += batch.undecodable.len() + refused;
    }

    pub fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    /// Whether another batch would be more than is kept.
    pub fn is_full(&self) -> bool {
        self.memory_bytes >= MAX_KEPT_BYTES
    }

    /// Everything staged as one batch; `None` when it was more than is kept.
    pub fn whole(self) -> Option<Batch> {
        (!self.kept.is_empty()).then(|| Batch::joined(self.kept))
    }

    /// Waits until the oldest batch is this old; for ever when nothing is staged.
    pub async fn is_due(&self, age: Duration) {
        match self.since {
            Some(since) => sleep_until(since + age).await,
            None => std::future::pending().await,
        }
    }

    /// How many events ended how, once committed.
    pub fn outcomes(&self) -> [(Outcome, usize); 3] {
        [(Outcome::Delivered, self.rows), (Outcome::Duplicate, self.duplicates), (Outcome::DeadLettered, self.dead)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;

    #[test]
    fn batches_are_kept_all_together_or_not_at_all() {
        for (batches, kept) in [(1, Some(0..1)), (2, Some(0..2)), (3, None)] {
            let mut staged = Staged::default();
            for offset in 0..batches {
                assert_eq!(staged.is_full(), offset == 2);
                let half = Batch { bytes: MAX_KEPT_BYTES / 2, ..batch(&[(0, offset..offset + 1)]) };
                staged.add(&Arc::new(half), 1, 0);
            }
            assert_eq!(staged.whole().map(|whole| whole.covers[&0].clone()), kept);
        }
    }
}
