//! One segment file: its name, its header, and how it comes into being.
//!
//! A segment is created under another name and renamed once it is durable: a file named `*.log` always has its header
//! and its snapshot of positions, and if it has not, it is damaged.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::{Disk, Failure, damaged, io_error};
use super::frame::FRAME_HEADER_BYTES;
use super::index::{Entry, Index};
use super::walk::{Place, Stop, Walk};
use crate::LogError;

const MAGIC: [u8; 8] = *b"pblog\0\0\x01";
pub(super) const HEADER_BYTES: usize = 48;
const CHUNK_BYTES: usize = 1 << 20;

/// The start of a segment file. Little endian: magic and version 8 bytes · salt u32 · base i64 · time i64 · base of the
/// segment before i64, −1 for none · its length in bytes u64 · crc32c u32 of all this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// Goes into each frame's checksum, so that no payload can pass for a frame.
    pub(super) salt: u32,
    /// Offset of the first record.
    pub(super) base: i64,
    /// Time of the last record before this segment, in µs.
    pub(super) micros: i64,
    /// Base and length of the segment before.
    pub(super) previous: Option<(i64, u64)>,
}

impl SegmentHeader {
    pub(super) fn new(base: i64, micros: i64, previous: Option<(i64, u64)>) -> Self {
        Self { salt: RandomState::new().hash_one(base) as u32, base, micros, previous }
    }

    fn encode(&self) -> Vec<u8> {
        let (previous_base, previous_bytes) = self.previous.unwrap_or((-1, 0));
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&self.base.to_le_bytes());
        bytes.extend_from_slice(&self.micros.to_le_bytes());
        bytes.extend_from_slice(&previous_base.to_le_bytes());
        bytes.extend_from_slice(&previous_bytes.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (rest, crc) = bytes.split_last_chunk()?;
        if crc32c::crc32c(rest) != u32::from_le_bytes(*crc) {
            return None;
        }
        let rest = rest.strip_prefix(&MAGIC)?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (base, rest) = rest.split_first_chunk()?;
        let (micros, rest) = rest.split_first_chunk()?;
        let (previous_base, rest) = rest.split_first_chunk()?;
        let (previous_bytes, _) = rest.split_first_chunk()?;
        let previous_base = i64::from_le_bytes(*previous_base);
        Some(Self {
            salt: u32::from_le_bytes(*salt),
            base: i64::from_le_bytes(*base),
            micros: i64::from_le_bytes(*micros),
            previous: (previous_base >= 0).then(|| (previous_base, u64::from_le_bytes(*previous_bytes))),
        })
    }
}

/// A segment whose bytes up to [`Segment::end`] are durable.
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) header: SegmentHeader,
    end: AtomicU64,
    /// `None` until somebody looks something up.
    index: Mutex<Option<Index>>,
}

impl Segment {
    /// Opens the segment of a file for reading and checks its header. Its end is the end of the file.
    pub(super) fn open(path: PathBuf, base: i64) -> Result<(Self, File), LogError> {
        let file = File::open(&path).map_err(|e| io_error("open", &path, e))?;
        let length = file.metadata().map_err(|e| io_error("inspect", &path, e))?.len();
        let Some(header) = read_header(&path, &file, length)?.filter(|header| header.base == base) else {
            return Err(damaged(&path, 0, "the segment's header does not hold"));
        };
        Ok((Self { path, header, end: AtomicU64::new(length), index: Mutex::new(None) }, file))
    }

    /// Whether `file` is this segment's and not that of a later one with the same name.
    pub(super) fn is_in(&self, file: &File) -> Result<bool, LogError> {
        Ok(read_header(&self.path, file, self.end())? == Some(self.header))
    }

    /// Creates a segment whose frames begin with the bytes `first`. A segment of the same base is replaced.
    pub(super) fn create(
        disk: &dyn Disk,
        dir: &Path,
        header: SegmentHeader,
        first: &[u8],
    ) -> Result<(Self, File), Failure> {
        let path = dir.join(file_name(header.base));
        let new = path.with_extension("new");
        let mut bytes = header.encode();
        bytes.extend_from_slice(first);
        let folder = File::open(dir).map_err(|e| Failure::of_open(&e, dir))?;
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(true).open(&new);
        let file = opened.map_err(|e| Failure::of_open(&e, &new))?;
        if let Err(error) = disk.write_at(&file, &bytes, 0) {
            fs::remove_file(&new).map_err(|e| Failure::fatal("remove", &new, &e))?;
            return Err(Failure::of_write(&error, &new));
        }
        if let Err(error) = disk.sync(&file) {
            fs::remove_file(&new).map_err(|e| Failure::fatal("remove", &new, &e))?;
            return Err(match Failure::of_write(&error, &new) {
                Failure::Full(reason) => Failure::Full(reason),
                _ => Failure::fatal("sync", &new, &error),
            });
        }
        fs::rename(&new, &path).map_err(|e| Failure::fatal("rename", &new, &e))?;
        disk.sync_dir(&folder).map_err(|e| Failure::fatal("sync", dir, &e))?;
        let end = AtomicU64::new(bytes.len() as u64);
        Ok((Self { path, header, end, index: Mutex::new(Some(Index::default())) }, file))
    }

    /// Bytes of the file that are durable; they end with a whole group.
    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Publishes that the file is durable up to `end`, with the index entries of what is new.
    pub(super) fn extend(&self, end: u64, entries: &[Entry]) {
        if let Some(index) = &mut *self.lock_index() {
            entries.iter().for_each(|entry| index.note(*entry));
        }
        self.end.store(end, Ordering::Release);
    }

    /// Takes over what a scan found.
    pub(super) fn set_scanned(&self, end: u64, index: Index) {
        *self.lock_index() = Some(index);
        self.end.store(end, Ordering::Release);
    }

    /// The payload bytes of the records from a place on, `records` in number: no positions stand between them.
    fn payload_bytes(&self, from: Place, records: i64) -> u64 {
        let bytes = self.end().saturating_sub(from.at);
        bytes.saturating_sub(FRAME_HEADER_BYTES as u64 * records.unsigned_abs())
    }

    /// The payload bytes of the records from an offset on, up to `next`, the first one after this segment.
    pub(super) fn payload_bytes_from(&self, file: &File, offset: i64, next: i64) -> Result<u64, LogError> {
        let from = self.look_up(file, |index| index.before_offset(offset))?;
        let mut walk = self.walk(file, from, CHUNK_BYTES);
        // Past the positions that a segment begins with, too.
        let mut place = walk.place();
        while place.offset <= offset
            && let Some(frame) = walk.next().map_err(|stop| self.error(stop))?
        {
            if !frame.header.control && frame.header.offset >= offset {
                break;
            }
            place = walk.place();
        }
        Ok(self.payload_bytes(place, next - place.offset))
    }

    pub(super) fn start(&self) -> Place {
        Place { at: HEADER_BYTES as u64, offset: self.header.base }
    }

    pub(super) fn walk<'a>(&self, file: &'a File, from: Place, chunk_bytes: usize) -> Walk<'a> {
        Walk::new(file, self.header.salt, from, self.end(), chunk_bytes)
    }

    /// The place that `pick` finds in the index, or the start; the index is built first if need be.
    pub(super) fn look_up(&self, file: &File, pick: impl Fn(&Index) -> Option<Entry>) -> Result<Place, LogError> {
        let mut index = self.lock_index();
        let index = match &mut *index {
            Some(index) => index,
            none => none.insert(self.build_index(file)?),
        };
        Ok(pick(index).map_or(self.start(), |entry| Place { at: entry.at, offset: entry.offset }))
    }

    fn build_index(&self, file: &File) -> Result<Index, LogError> {
        let mut index = Index::default();
        let mut walk = self.walk(file, self.start(), CHUNK_BYTES);
        while let Some(frame) = walk.next().map_err(|stop| self.error(stop))? {
            if !frame.header.control {
                index.note(Entry { offset: frame.header.offset, micros: frame.header.micros, at: frame.at });
            }
        }
        Ok(index)
    }

    /// What a walk that stopped within durable bytes means.
    pub(super) fn error(&self, stop: Stop) -> LogError {
        match stop {
            Stop::Bad { at, why } => damaged(&self.path, at, why),
            Stop::Io(error) => io_error("read", &self.path, error),
        }
    }

    fn lock_index(&self) -> std::sync::MutexGuard<'_, Option<Index>> {
        self.index.lock().expect("nothing panics while it holds the index")
    }
}

/// The header of a file, `None` when there is no sound one.
fn read_header(path: &Path, file: &File, length: u64) -> Result<Option<SegmentHeader>, LogError> {
    if length < HEADER_BYTES as u64 {
        return Ok(None);
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, 0).map_err(|e| io_error("read", path, e))?;
    Ok(SegmentHeader::decode(&bytes))
}

/// The segment files of a topic's folder, by base offset.
pub(super) fn list(dir: &Path) -> io::Result<Vec<(i64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(base) = path.file_name().and_then(|name| name.to_str()).and_then(base_of) {
            found.push((base, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Removes what a crash left of a segment that was being created.
pub(super) fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn file_name(base: i64) -> String {
    format!("{base:020}.log")
}

fn base_of(file_name: &str) -> Option<i64> {
    file_name.strip_suffix(".log")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_as_written_and_any_changed_byte_is_noticed() {
        for previous in [None, Some((0, 9)), Some((41, 1 << 40))] {
            let header = SegmentHeader::new(42, 1_700_000_000_000_000, previous);
            let bytes: [u8; HEADER_BYTES] = header.encode().try_into().unwrap();
            assert_eq!(SegmentHeader::decode(&bytes), Some(header));
            for at in 0..HEADER_BYTES {
                let mut changed = bytes;
                changed[at] ^= 4;
                assert_eq!(SegmentHeader::decode(&changed), None, "byte {at}");
            }
        }
    }

    #[test]
    fn file_names_sort_by_offset() {
        assert_eq!(base_of(&file_name(12)), Some(12));
        assert!(file_name(9) < file_name(10));
        assert_eq!(base_of("00000000000000000012.new"), None);
    }
}
