//! Opens a topic's segments after whatever happened: cuts off an unfinished write, refuses damage.

use std::fs::{File, OpenOptions};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{Disk, damaged, io_error, sync_dir};
use super::index::{Entry, Index};
use super::ledger::PositionTable;
use super::segment::{self, Segment};
use super::walk::{Place, Stop};
use crate::LogError;

const CHUNK_BYTES: usize = 1 << 20;

/// The whole groups of a segment.
pub(super) struct Tail {
    /// Where the last whole group ends.
    pub(super) end: u64,
    /// Offset of the record that comes next.
    pub(super) next: i64,
    /// Time of the last frame, in µs.
    pub(super) micros: i64,
    /// Time of the first record, in µs.
    pub(super) first_micros: Option<i64>,
    pub(super) positions: PositionTable,
    index: Index,
    /// Why the scan ended before the end of the file, unless it did so within a group.
    stop: Option<Stop>,
}

/// A topic as it was found.
pub(super) struct Recovered {
    /// All segments, the last one cut after its last whole group.
    pub(super) segments: Vec<Arc<Segment>>,
    /// The last segment's file.
    pub(super) file: File,
    pub(super) tail: Tail,
    pub(super) cut_bytes: u64,
}

/// Recovers the topic of a folder; `None` when there is no segment yet.
pub(super) fn recover(disk: &dyn Disk, dir: &Path) -> Result<Option<Recovered>, LogError> {
    segment::remove_unfinished(dir).map_err(|e| io_error("clean up", dir, e))?;
    // A killed process may have named a segment, or written groups, that it did not come to sync: nobody may rely on
    // them before they are safe.
    sync_dir(dir).map_err(|e| io_error("sync", dir, e))?;
    let found = segment::list(dir).map_err(|e| io_error("list", dir, e))?;
    let segments = open_all(found)?;
    let Some(last) = segments.last() else {
        return Ok(None);
    };
    let opened = OpenOptions::new().read(true).write(true).open(&last.path);
    let file = opened.map_err(|e| io_error("open", &last.path, e))?;
    let mut tail = scan(last, &file);
    let cut_bytes = last.end() - tail.end;
    if cut_bytes > 0 {
        refuse_damage(last, &file, &mut tail)?;
        file.set_len(tail.end).map_err(|e| io_error("cut", &last.path, e))?;
    }
    disk.sync(&file).map_err(|e| io_error("sync", &last.path, e))?;
    last.set_scanned(tail.end, mem::take(&mut tail.index));
    Ok(Some(Recovered { segments, file, tail, cut_bytes }))
}

fn open_all(found: Vec<(i64, PathBuf)>) -> Result<Vec<Arc<Segment>>, LogError> {
    let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(found.len());
    for (base, path) in found {
        let (segment, _) = Segment::open(path, base)?;
        if let Some(previous) = segments.last()
            && segment.header.previous != Some((previous.header.base, previous.end()))
        {
            let why = "this segment was not followed by the one after it: one is missing, cut short or longer";
            return Err(damaged(&previous.path, previous.end(), why));
        }
        segments.push(Arc::new(segment));
    }
    Ok(segments)
}

/// Reads a segment up to its last whole group.
pub(super) fn scan(segment: &Segment, file: &File) -> Tail {
    let mut tail = Tail {
        end: segment.start().at,
        next: segment.header.base,
        micros: segment.header.micros,
        first_micros: None,
        positions: PositionTable::default(),
        index: Index::default(),
        stop: None,
    };
    let mut walk = segment.walk(file, segment.start(), CHUNK_BYTES);
    let mut group = PositionTable::default();
    loop {
        let frame = match walk.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(stop) => {
                tail.stop = Some(stop);
                break;
            }
        };
        let header = frame.header;
        if !header.control {
            tail.index.note(Entry { offset: header.offset, micros: header.micros, at: frame.at });
        } else if let Some(change) = PositionTable::decode(&frame.payload) {
            group.merge(change);
        } else {
            tail.stop = Some(Stop::Bad { at: frame.at, why: "the positions cannot be read" });
            break;
        }
        if !header.more {
            (tail.end, tail.next, tail.micros) = (walk.place().at, walk.place().offset, header.micros);
            tail.positions.merge(mem::take(&mut group));
        }
        if !header.control {
            tail.first_micros.get_or_insert(header.micros);
        }
    }
    tail.index.cut(tail.end);
    tail
}

/// An unfinished write has nothing sound behind the place where it breaks off; anything else is damage.
fn refuse_damage(segment: &Segment, file: &File, tail: &mut Tail) -> Result<(), LogError> {
    let (at, why) = match tail.stop.take() {
        None => return Ok(()),
        Some(Stop::Bad { at, why }) => (at, why),
        Some(stop) => return Err(segment.error(stop)),
    };
    let place = Place { at, offset: tail.next };
    let sound = segment.walk(file, place, CHUNK_BYTES).find_sound_frame();
    match sound.map_err(|e| io_error("read", &segment.path, e))? {
        None => Ok(()),
        Some(sound) => Err(damaged(&segment.path, at, &format!("{why}, yet a sound record stands at byte {sound}"))),
    }
}
