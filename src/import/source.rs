//! One input of an import: a file, whose progress is kept, or a stream, which cannot be taken up again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, bail};
use event::EventId;

use super::batch::Reject;
use super::input::{Cursor, Lines};
use super::state::Progress;

/// Where lines come from.
pub enum Source {
    /// Standard input, when the path is `-`, or a pipe.
    Stream {
        path: PathBuf,
        import_id: String,
    },
    File(Progress),
}

impl Source {
    /// A stream, or a file that is begun anew or, with `resume`, taken up where `state` says that it stands.
    pub fn of(path: &Path, state: &Path, resume: bool) -> anyhow::Result<Self> {
        if is_stream(path)? {
            if resume {
                bail!("{} cannot be resumed: only files can", name_of(path));
            }
            return Ok(Self::Stream { path: path.to_owned(), import_id: EventId::new().to_string() });
        }
        match Progress::find(state, path)? {
            Some(progress) if resume => Ok(Self::File(progress)),
            before => {
                if let Some(before) = before.filter(|before| before.imported > 0) {
                    eprintln!("{}", repeat_hint(path, &before));
                }
                // The import's id must be on the disk before its first event is sent.
                let mut progress = Progress::begin(path)?;
                progress.save(state)?;
                Ok(Self::File(progress))
            }
        }
    }

    pub fn import_id(&self) -> &str {
        match self {
            Self::Stream { import_id, .. } => import_id,
            Self::File(progress) => &progress.import_id,
        }
    }

    /// Size on the disk.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Stream { .. } => None,
            Self::File(progress) => fs::metadata(&progress.path).ok().map(|meta| meta.len()),
        }
    }

    /// The lines not imported yet. The bytes read are counted in `read_bytes`.
    pub fn open(&self, read_bytes: Arc<AtomicU64>) -> anyhow::Result<Lines> {
        let lines = match self {
            Self::Stream { path, .. } if is_stdin(path) => Lines::stream(io::stdin(), read_bytes),
            Self::Stream { path, .. } => File::open(path).and_then(|pipe| Lines::stream(pipe, read_bytes)),
            Self::File(progress) => Lines::open(&progress.path, progress.cursor(), read_bytes),
        };
        lines.context("failed to read it")
    }

    /// Keeps in `state` that everything before `end` is done.
    pub fn advance(&mut self, end: Cursor, imported: u64, rejects: &[Reject], state: &Path) -> anyhow::Result<()> {
        let Self::File(progress) = self else { return Ok(()) };
        let rejected = rejects.iter().filter(|reject| reject.number <= end.line).count() as u64;
        progress.advance(end, imported, rejected);
        progress.save(state)
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Whether `path` is no regular file, so that reading its beginning would take it away.
pub fn is_stream(path: &Path) -> anyhow::Result<bool> {
    let meta = || fs::metadata(path).with_context(|| format!("failed to open {}", path.display()));
    Ok(is_stdin(path) || !meta()?.is_file())
}

/// The input's name for people.
pub fn name_of(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn repeat_hint(file: &Path, before: &Progress) -> String {
    format!(
        "{} was imported before ({} events, {}): its lines are now added again; --resume adds only those that are new",
        file.display(),
        before.imported,
        before.updated
    )
}
