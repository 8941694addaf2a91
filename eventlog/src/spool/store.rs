//! The spool's own log in a folder: what waits to be replayed, how far the replay has come, and what the remote refused.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use event::{Advance, Step};
use tokio::task::spawn_blocking;

use super::config::Config;
use super::state::Stored;
use crate::embedded::{EmbeddedLog, Options, ReadOnly};
use crate::{EventLog, LogError, NewRecord, Reader};

const SPOOLED: &str = "spooled";
/// Never released, so that nothing of it is ever removed.
const REFUSED: &str = "refused";
const REPLAY: &str = "replay";
/// The embedded log's only partition.
const PARTITION: i32 = 0;

pub(super) struct Store(Arc<EmbeddedLog>);

impl Store {
    /// Opens the log and tells what waits in it from before.
    pub(super) async fn open(dir: &Path, config: &Config) -> Result<(Self, Stored), LogError> {
        let held_topics = vec![SPOOLED.to_owned(), REFUSED.to_owned()];
        let options = Options { held_topics, ..Options::from(config.of_store()) };
        let folder = dir.to_owned();
        let log = blocking(move || EmbeddedLog::open_with(&folder, options)).await?;
        let held = log.bounds(SPOOLED, PARTITION).await?;
        let noted = log.positions(REPLAY, SPOOLED).await?.get(PARTITION);
        let replayed = noted.unwrap_or(held.start).max(held.start);
        log.release(SPOOLED, PARTITION, replayed).await?;
        let folder = dir.to_owned();
        let topics = blocking(move || ReadOnly::open(&folder)?.topics()).await?;
        let on_disk = topics.iter().find(|summary| summary.topic == SPOOLED).map_or(0, |summary| summary.bytes);
        // What was replayed may still be on disk. Reading all of it, to count exactly, could take minutes.
        let part = (held.end - replayed) as f64 / (held.end - held.start).max(1) as f64;
        let stored = Stored { replayed, end: held.end, bytes: (on_disk as f64 * part) as u64 };
        Ok((Self(log), stored))
    }

    /// Makes frames durable, and returns the offset of the first.
    pub(super) async fn put(&self, frames: Vec<Bytes>) -> Result<i64, LogError> {
        let positions = self.0.append(SPOOLED, frames.into_iter().map(record).collect()).await?;
        Ok(positions.first().map_or(0, |(_, offset)| *offset))
    }

    /// Keeps a frame that cannot be replayed.
    pub(super) async fn refuse(&self, frame: Bytes) -> Result<(), LogError> {
        self.0.append(REFUSED, vec![record(frame)]).await.map(drop)
    }

    /// Reads the frames from an offset on.
    pub(super) async fn reader(&self, from: i64) -> Result<Box<dyn Reader>, LogError> {
        let mut reader = self.0.reader(SPOOLED).await?;
        reader.assign(&[(PARTITION, from)].into_iter().collect()).await?;
        Ok(reader)
    }

    /// Lets everything before `next` go, which was replayed, and notes that durably.
    pub(super) async fn forget(&self, next: i64) -> Result<(), LogError> {
        // First, for on a full disk only removed segments make room for the note.
        self.0.release(SPOOLED, PARTITION, next).await?;
        let expected = self.0.positions(REPLAY, SPOOLED).await?.get(PARTITION);
        let steps = vec![Step { partition: PARTITION, expected, next }];
        let mut transactor = self.0.transactor(REPLAY, SPOOLED).await?;
        transactor.commit(Vec::new(), &Advance { topic: SPOOLED.into(), steps }).await
    }

    pub(super) async fn close(&self) {
        self.0.close().await;
    }
}

fn record(frame: Bytes) -> NewRecord {
    NewRecord { key: Bytes::new(), event_id: None, payload: frame }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    spawn_blocking(work).await.map_err(|error| LogError::Unavailable { reason: error.to_string() })?
}
