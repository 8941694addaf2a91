//! What tells whether a file is still the one that was read.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Within this time of a change another one may leave no trace in the times that a file system keeps.
const RACY: Duration = Duration::from_secs(2);

/// What the file system tells of a file. Another value means another file, or one that was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    /// The file's that the path leads to at this moment, through all symbolic links.
    ///
    /// # Errors
    /// When nothing is there, or no regular file.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        match metadata.is_file() {
            true => Ok(Self::from(&metadata)),
            false => Err(io::Error::other("it is no regular file")),
        }
    }

    /// Size of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the file changed so recently that one more change could look the same.
    pub fn is_racy(&self) -> bool {
        let seconds = u64::try_from(self.changed.0).unwrap_or_default();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let now = SystemTime::now();
        now.duration_since(changed).unwrap_or_else(|ahead| ahead.duration()) < RACY
    }

    /// The file's whole content; `None` when it was replaced or written to before all was read.
    ///
    /// # Errors
    /// When it cannot be read, or memory is short.
    pub fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let mut file = File::open(path)?;
        let mut content = Vec::new();
        content.try_reserve_exact(usize::try_from(self.bytes).unwrap_or(usize::MAX))?;
        Read::by_ref(&mut file).take(self.bytes).read_to_end(&mut content)?;
        let is_same = Self::from(&file.metadata()?) == *self && Self::of(path).is_ok_and(|now| now == *self);
        Ok((is_same && content.len() as u64 == self.bytes).then_some(content))
    }
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What distinguishes one content from another: length and CRC-32C, which no accident leaves unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Content {
    bytes: u64,
    crc: u32,
}

impl Content {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, crc: crc32c::crc32c(bytes) }
    }
}
