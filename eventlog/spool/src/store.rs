//! The spool's own log in a folder: what waits to be replayed, how far the replay has come, and what the remote refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use event::{Advance, Step};
use tokio::task::spawn_blocking;

use super::config::Config;
use super::state::Stored;
use eventlog::embedded::{EmbeddedLog, Options};
use eventlog::{EventLog, LogError, NewRecord, Reader};

/// What waits, in the order in which it was acknowledged.
pub(super) const SPOOLED: &str = "spooled";
/// Never released, so that nothing of it is ever removed.
const REFUSED: &str = "refused";
/// Begins the name of the topic in which the records of one partition of the remote wait.
const LANE: &str = "lane-";
const REPLAY: &str = "replay";
/// Takes the notes of how far the replay has come, and no record: between the spooled ones they would count as bytes of these.
const NOTES: &str = "notes";
/// The embedded log's only partition.
const PARTITION: i32 = 0;

pub(super) struct Store(Arc<EmbeddedLog>);

impl Store {
    /// Opens the log and tells what waits in it from before: for all, and in lanes.
    pub(super) async fn open(dir: &Path, config: &Config) -> Result<(Self, Stored, BTreeMap<i32, Stored>), LogError> {
        let held_topics = vec![SPOOLED.to_owned(), REFUSED.to_owned(), format!("{LANE}*")];
        let options = Options { held_topics, ..Options::from(config.of_store()) };
        let folder = dir.to_owned();
        let store = Self(blocking(move || EmbeddedLog::open_with(&folder, options)).await?);
        let mut lanes = BTreeMap::new();
        for topic in store.0.topic_names() {
            if let Some(partition) = topic.strip_prefix(LANE).and_then(|number| number.parse().ok()) {
                lanes.insert(partition, store.stored(&topic).await?);
            }
        }
        lanes.retain(|_, stored| stored.records() > 0);
        let stored = store.stored(SPOOLED).await?;
        Ok((store, stored, lanes))
    }

    /// What waits in a topic.
    async fn stored(&self, topic: &str) -> Result<Stored, LogError> {
        let held = self.0.bounds(topic, PARTITION).await?;
        let noted = self.0.positions(REPLAY, topic).await?.get(PARTITION);
        let replayed = noted.unwrap_or(held.start).max(held.start);
        self.0.release(topic, PARTITION, replayed).await?;
        let bytes = self.0.payload_bytes(topic, replayed).await?;
        Ok(Stored { replayed, end: held.end, bytes })
    }

    /// Makes frames durable, and returns the offset of the first.
    pub(super) async fn put(&self, frames: Vec<Bytes>) -> Result<i64, LogError> {
        self.append(SPOOLED, frames).await
    }

    /// Makes frames durable in the lane of a partition, and returns the offset of the first.
    pub(super) async fn park(&self, partition: i32, frames: Vec<Bytes>) -> Result<i64, LogError> {
        self.append(&lane_topic(partition), frames).await
    }

    async fn append(&self, topic: &str, frames: Vec<Bytes>) -> Result<i64, LogError> {
        let positions = self.0.append(topic, frames.into_iter().map(record).collect()).await?;
        Ok(positions.first().map_or(0, |(_, offset)| *offset))
    }

    /// Keeps a frame that cannot be replayed.
    pub(super) async fn refuse(&self, frame: Bytes) -> Result<(), LogError> {
        self.0.append(REFUSED, vec![record(frame)]).await.map(drop)
    }

    /// Reads the frames of a topic from an offset on.
    pub(super) async fn reader(&self, topic: &str, from: i64) -> Result<Box<dyn Reader>, LogError> {
        let mut reader = self.0.reader(topic).await?;
        reader.assign(&[(PARTITION, from)].into_iter().collect()).await?;
        Ok(reader)
    }

    /// Lets everything of a topic before `next` go, which was replayed, and notes that durably.
    pub(super) async fn forget(&self, topic: &str, next: i64) -> Result<(), LogError> {
        // First, for on a full disk only removed segments make room for the note.
        self.0.release(topic, PARTITION, next).await?;
        let expected = self.0.positions(REPLAY, topic).await?.get(PARTITION);
        let steps = vec![Step { partition: PARTITION, expected, next, last: None }];
        let mut transactor = self.0.transactor(REPLAY, NOTES).await?;
        transactor.commit(Vec::new(), &Advance { topic: topic.into(), steps }).await
    }

    /// Why the store takes nothing more, once that is so.
    pub(super) fn failure(&self) -> Option<String> {
        self.0.failure()
    }

    pub(super) async fn close(&self) {
        self.0.close().await;
    }
}

pub(super) fn lane_topic(partition: i32) -> String {
    format!("{LANE}{partition}")
}

fn record(frame: Bytes) -> NewRecord {
    NewRecord { key: Bytes::new(), event_id: None, payload: frame }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    spawn_blocking(work).await.map_err(|error| LogError::Unavailable { reason: error.to_string() })?
}
