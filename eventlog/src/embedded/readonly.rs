//! A look at a log's files without opening it, while another process may be writing them.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use event::Positions;

use super::disk::io_error;
use super::ledger::PositionTable;
use super::reader::record;
use super::recover::scan;
use super::segment::{self, Segment};
use super::topic::PARTITION;
use super::walk::{Place, Stop};
use super::{check_topic, topic_names, topics_dir};
use crate::{LogError, Record};

const CHUNK_BYTES: usize = 1 << 20;

/// A log's files, read as they are: nothing is locked, repaired or removed. Only whole groups are seen; the newest of
/// them may not be durable yet.
#[derive(Debug)]
pub struct ReadOnly {
    dir: PathBuf,
}

/// What one topic holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSummary {
    /// Topic.
    pub topic: String,
    /// Offsets held.
    pub bounds: Range<i64>,
    /// Number of segment files.
    pub segments: usize,
    /// Bytes of the segment files.
    pub bytes: u64,
}

/// What a group has committed in one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPositions {
    /// Group.
    pub group: String,
    /// The topic that it reads.
    pub topic: String,
    /// Next offset of each partition.
    pub positions: Positions,
}

impl ReadOnly {
    /// Looks at the log in a folder.
    ///
    /// # Errors
    /// `Io` when there is no log.
    pub fn open(dir: &Path) -> Result<Self, LogError> {
        let dir = topics_dir(dir);
        fs::metadata(&dir).map_err(|e| io_error("open the log in", &dir, e))?;
        Ok(Self { dir })
    }

    /// The topics, by name.
    ///
    /// # Errors
    /// `Io` and `Damaged`.
    pub fn topics(&self) -> Result<Vec<TopicSummary>, LogError> {
        self.names()?.into_iter().map(|name| self.summary(name)).collect()
    }

    /// The records of a topic from an offset on, to the end of what is there now.
    ///
    /// # Errors
    /// `UnknownTopic`, `OutOfRange`, `Io` and `Damaged`; the iterator ends after an error.
    pub fn records(&self, topic: &str, from: i64) -> Result<Records, LogError> {
        let mut segments = self.segments(topic)?;
        let start = segments.front().map_or(0, |(segment, _)| segment.header.base);
        let out_of_range = |held| LogError::OutOfRange { partition: PARTITION, requested: from, held };
        if from < start {
            return Err(out_of_range(start..self.summary(topic.to_owned())?.bounds.end));
        }
        while segments.len() > 1 && segments[1].0.header.base <= from {
            segments.pop_front();
        }
        let at = segments.front().map(|(segment, _)| segment.start());
        Ok(Records { segments, at, group: VecDeque::new(), from })
    }

    /// The positions of all groups, as all topics' logs have them together.
    ///
    /// # Errors
    /// `Io` and `Damaged`.
    pub fn positions(&self) -> Result<Vec<GroupPositions>, LogError> {
        let mut table = PositionTable::default();
        for name in self.names()? {
            if let Some((segment, file)) = self.segments(&name)?.back() {
                table.merge(scan(segment, file).positions);
            }
        }
        let owned = |(group, topic, positions): (&str, &str, Positions)| GroupPositions {
            group: group.to_owned(),
            topic: topic.to_owned(),
            positions,
        };
        Ok(table.iter().map(owned).collect())
    }

    fn names(&self) -> Result<Vec<String>, LogError> {
        topic_names(&self.dir).map_err(|e| io_error("list", &self.dir, e))
    }

    fn segments(&self, topic: &str) -> Result<VecDeque<(Segment, File)>, LogError> {
        check_topic(topic)?;
        let dir = self.dir.join(topic);
        let found = segment::list(&dir).map_err(|_| LogError::UnknownTopic(topic.to_owned()))?;
        found.into_iter().map(|(base, path)| Segment::open(path, base)).collect()
    }

    fn summary(&self, topic: String) -> Result<TopicSummary, LogError> {
        let segments = self.segments(&topic)?;
        let start = segments.front().map_or(0, |(segment, _)| segment.header.base);
        let end = segments.back().map_or(0, |(segment, file)| scan(segment, file).next);
        let bytes = segments.iter().map(|(segment, _)| segment.end()).sum();
        Ok(TopicSummary { topic, bounds: start..end, segments: segments.len(), bytes })
    }
}

/// Records in order of their offsets; see [`ReadOnly::records`].
pub struct Records {
    /// Those not yet read to their end.
    segments: VecDeque<(Segment, File)>,
    /// Where the next group begins in the first of them; `None` when there is nothing more.
    at: Option<Place>,
    /// The rest of a group that is known to be whole.
    group: VecDeque<Record>,
    from: i64,
}

impl Iterator for Records {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.group.pop_front() {
                Some(record) if record.offset >= self.from => return Some(Ok(record)),
                Some(_) => {}
                None => {
                    let at = self.at.take()?;
                    if let Err(error) = self.read_groups(at) {
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}

impl Records {
    /// Reads some whole groups, and sets out for the next segment after the last one.
    fn read_groups(&mut self, at: Place) -> Result<(), LogError> {
        let Some((segment, file)) = self.segments.front() else {
            return Ok(());
        };
        let is_last = self.segments.len() == 1;
        let mut walk = segment.walk(file, at, CHUNK_BYTES);
        let mut group = Vec::new();
        while walk.place().at < at.at + CHUNK_BYTES as u64 || !group.is_empty() {
            let frame = match walk.next() {
                Ok(Some(frame)) => frame,
                // The tail of the last segment is being written, or was left unfinished.
                Err(Stop::Bad { .. }) if is_last => return Ok(()),
                Err(stop) => return Err(segment.error(stop)),
                Ok(None) => {
                    self.segments.pop_front();
                    self.at = self.segments.front().map(|(segment, _)| segment.start());
                    return Ok(());
                }
            };
            let header = frame.header;
            if !header.control {
                group.push(record(frame));
            }
            if !header.more {
                self.group.extend(group.drain(..));
            }
        }
        self.at = Some(walk.place());
        Ok(())
    }
}
