//! Reads a topic's durable records from its files.

use std::fs::File;
use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use event::{Positions, Timestamp};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::segment::Segment;
use super::topic::{PARTITION, Topic};
use super::walk::{Frame, Place};
use crate::{LogError, Reader, Record};

/// Read at once when looking for an offset.
const SEEK_CHUNK_BYTES: usize = 128 << 10;

pub(super) struct EmbeddedReader {
    topic: Arc<Topic>,
    end: watch::Receiver<i64>,
    position: Option<Position>,
}

/// What is read next.
#[derive(Clone)]
struct Position {
    offset: i64,
    /// `None` until the first read has found the place.
    cursor: Option<Cursor>,
}

/// An open segment and the place of the next frame in it.
#[derive(Clone)]
struct Cursor {
    segment: Arc<Segment>,
    file: Arc<File>,
    place: Place,
}

impl EmbeddedReader {
    pub(super) fn new(topic: Arc<Topic>) -> Self {
        Self { end: topic.watch_end(), topic, position: None }
    }

    async fn wait_for_records(&mut self, position: &Position) -> Result<(), LogError> {
        let offset = position.offset;
        // A reader that has begun may be ahead for a moment: a segment's end is published before the topic's.
        if position.cursor.is_none() && offset > *self.end.borrow() {
            return Err(self.topic.out_of_range(offset));
        }
        // The topic owns the sender and outlives this reader.
        let _ = self.end.wait_for(|end| *end > offset).await;
        Ok(())
    }
}

#[async_trait]
impl Reader for EmbeddedReader {
    async fn assign(&mut self, positions: &Positions) -> Result<(), LogError> {
        if let Some((partition, requested)) = positions.iter().find(|(partition, _)| *partition != PARTITION) {
            return Err(LogError::OutOfRange { partition, requested, held: 0..0 });
        }
        self.position = positions.get(PARTITION).map(|offset| Position { offset, cursor: None });
        Ok(())
    }

    async fn next(&mut self, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        loop {
            let Some(position) = self.position.clone() else {
                return pending().await;
            };
            self.wait_for_records(&position).await?;
            let topic = self.topic.clone();
            // The work is done on a copy: should this call be dropped, the next one starts from where this one did.
            let read = spawn_blocking(move || position.read(&topic, max_bytes)).await;
            let (records, position) = read.map_err(|error| LogError::Unavailable { reason: error.to_string() })??;
            self.position = Some(position);
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }
}

impl Position {
    /// Reads about `max_bytes` of records; none when there is nothing new.
    fn read(self, topic: &Topic, max_bytes: usize) -> Result<(Vec<Record>, Self), LogError> {
        let mut cursor = match self.cursor {
            Some(cursor) => cursor,
            None => Cursor::seek(topic, self.offset)?,
        };
        let mut records = Vec::new();
        loop {
            cursor.read(max_bytes, &mut records)?;
            if !records.is_empty() || Arc::ptr_eq(&topic.segment_of(cursor.place.offset)?, &cursor.segment) {
                break;
            }
            cursor = Cursor::start(topic, cursor.place.offset)?;
        }
        Ok((records, Self { offset: cursor.place.offset, cursor: Some(cursor) }))
    }
}

impl Cursor {
    /// The start of the segment that begins with `offset`.
    fn start(topic: &Topic, offset: i64) -> Result<Self, LogError> {
        let (segment, file) = topic.open(|| topic.segment_of(offset))?;
        Ok(Self { place: segment.start(), segment, file: file.into() })
    }

    fn seek(topic: &Topic, offset: i64) -> Result<Self, LogError> {
        let mut cursor = Self::start(topic, offset)?;
        let Self { segment, file, .. } = &cursor;
        let from = segment.look_up(file, |index| index.before_offset(offset))?;
        let mut walk = segment.walk(file, from, SEEK_CHUNK_BYTES);
        while walk.place().offset < offset {
            if walk.next().map_err(|stop| segment.error(stop))?.is_none() {
                return Err(topic.out_of_range(offset));
            }
        }
        cursor.place = walk.place();
        Ok(cursor)
    }

    /// Reads records until there are `max_bytes` of them, or to the end of what is durable.
    fn read(&mut self, max_bytes: usize, records: &mut Vec<Record>) -> Result<(), LogError> {
        let mut walk = self.segment.walk(&self.file, self.place, max_bytes);
        let mut bytes = 0;
        while let Some(frame) = walk.next().map_err(|stop| self.segment.error(stop))? {
            bytes += frame.header.frame_bytes();
            self.place = walk.place();
            if !frame.header.control {
                records.push(record(frame));
            }
            if bytes >= max_bytes as u64 && !records.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// The record of a frame that is no control frame.
pub(super) fn record(frame: Frame) -> Record {
    let time = Timestamp::from_micros(frame.header.micros).unwrap_or_default();
    Record { partition: PARTITION, offset: frame.header.offset, time, payload: frame.payload }
}
