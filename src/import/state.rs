//! What has been imported of each file, kept on disk so that an import can go on where it ended.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use event::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

use super::input::Cursor;

/// As much of a file's beginning tells it from the next file of the same name.
const FINGERPRINT_BYTES: u64 = 1024;

/// How far one file has been imported.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Progress {
    /// Absolute path of the file.
    pub path: PathBuf,
    fingerprint: Fingerprint,
    /// Part of every event's id.
    pub import_id: String,
    /// Decompressed bytes imported.
    offset: u64,
    /// Lines imported or rejected.
    line: u64,
    /// Events that the gateway has taken.
    pub imported: u64,
    /// Lines that gave no event.
    pub rejected: u64,
    /// When this was written.
    pub updated: String,
}

/// Checksum of a file's first bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Fingerprint {
    bytes: u64,
    crc32: u32,
}

impl Fingerprint {
    fn of(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let mut first = Vec::new();
        File::open(path)?.take(max_bytes).read_to_end(&mut first)?;
        Ok(Self { bytes: first.len() as u64, crc32: crc32(&first) })
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

impl Progress {
    /// Nothing imported yet, under a new import id.
    pub fn begin(path: &Path) -> anyhow::Result<Self> {
        let path = fs::canonicalize(path).with_context(|| format!("failed to open {}", path.display()))?;
        let fingerprint =
            Fingerprint::of(&path, FINGERPRINT_BYTES).with_context(|| format!("failed to read {}", path.display()))?;
        Ok(Self {
            path,
            fingerprint,
            import_id: EventId::new().to_string(),
            offset: 0,
            line: 0,
            imported: 0,
            rejected: 0,
            updated: String::new(),
        })
    }

    /// What the last import of this file left in `state`; `None` when there was none, or when another file stood at
    /// the same path then.
    pub fn find(state: &Path, path: &Path) -> anyhow::Result<Option<Self>> {
        let new = Self::begin(path)?;
        let file = new.file_in(state);
        let json = match fs::read(&file) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("failed to read {}", file.display())),
        };
        let old: Self = serde_json::from_slice(&json).with_context(|| format!("failed to read {}", file.display()))?;
        let same = old.path == new.path && Fingerprint::of(path, old.fingerprint.bytes)? == old.fingerprint;
        Ok(same.then_some(Self { fingerprint: new.fingerprint, ..old }))
    }

    /// Where to go on.
    pub fn cursor(&self) -> Cursor {
        Cursor { offset: self.offset, line: self.line }
    }

    /// Counts a batch that the gateway has answered.
    pub fn advance(&mut self, to: Cursor, imported: u64, rejected: u64) {
        (self.offset, self.line) = (to.offset, to.line);
        self.imported += imported;
        self.rejected += rejected;
    }

    /// Replaces what `state` holds of this file, atomically and durably.
    pub fn save(&mut self, state: &Path) -> anyhow::Result<()> {
        self.updated = Timestamp::now().to_string();
        let file = self.file_in(state);
        self.write(state, &file).with_context(|| format!("failed to keep the progress in {}", file.display()))
    }

    fn write(&self, state: &Path, file: &Path) -> io::Result<()> {
        fs::create_dir_all(state)?;
        let unfinished = file.with_extension("tmp");
        let mut writer = File::create(&unfinished)?;
        writer.write_all(&serde_json::to_vec_pretty(self)?)?;
        writer.sync_all()?;
        fs::rename(&unfinished, file)
    }

    fn file_in(&self, state: &Path) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        state.join(format!("{name}-{:08x}.json", crc32(self.path.as_os_str().as_encoded_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_found_again_while_the_file_only_grows() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("access.log");
        let state = dir.path().join("state");
        fs::write(&log, "one\n").unwrap();
        assert_eq!(Progress::find(&state, &log).unwrap(), None);
        let mut progress = Progress::begin(&log).unwrap();
        progress.advance(Cursor { offset: 4, line: 1 }, 1, 0);
        progress.save(&state).unwrap();

        fs::write(&log, "one\ntwo\n").unwrap();
        let found = Progress::find(&state, &log).unwrap().unwrap();
        assert_eq!((found.cursor(), found.import_id.clone()), (Cursor { offset: 4, line: 1 }, progress.import_id));
        assert_ne!(found.fingerprint, progress.fingerprint);

        fs::write(&log, "two\n").unwrap();
        assert_eq!(Progress::find(&state, &log).unwrap(), None);
    }

    #[test]
    fn each_path_has_progress_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let copies: Vec<_> = ["a", "b"].iter().map(|name| dir.path().join(name).join("access.log")).collect();
        for copy in &copies {
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::write(copy, "same\n").unwrap();
        }
        Progress::begin(&copies[0]).unwrap().save(dir.path()).unwrap();
        assert!(Progress::find(dir.path(), &copies[0]).unwrap().is_some());
        assert!(Progress::find(dir.path(), &copies[1]).unwrap().is_none());
    }
}
