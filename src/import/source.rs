//! One input of an import: a file, whose progress is kept, or standard input, which cannot be taken up again.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, bail};
use event::EventId;

use super::batch::Reject;
use super::input::{Cursor, Lines};
use super::state::Progress;

/// Where lines come from.
pub enum Source {
    Stdin { import_id: String },
    File(Progress),
}

impl Source {
    /// `-`, or a file that is begun anew or, with `resume`, taken up where `state` says that it stands.
    pub fn of(file: &Path, state: &Path, resume: bool) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            return Self::stdin(resume);
        }
        let before = Progress::find(state, file)?;
        match before {
            Some(progress) if resume => Ok(Self::File(progress)),
            before => {
                if let Some(before) = before.filter(|before| before.imported > 0) {
                    eprintln!("{}", repeat_hint(file, &before));
                }
                // The import's id must be on the disk before its first event is sent.
                let mut progress = Progress::begin(file)?;
                progress.save(state)?;
                Ok(Self::File(progress))
            }
        }
    }

    fn stdin(resume: bool) -> anyhow::Result<Self> {
        if resume {
            bail!("standard input cannot be resumed: give a file");
        }
        Ok(Self::Stdin { import_id: EventId::new().to_string() })
    }

    pub fn import_id(&self) -> &str {
        match self {
            Self::Stdin { import_id } => import_id,
            Self::File(progress) => &progress.import_id,
        }
    }

    /// Size on the disk.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Stdin { .. } => None,
            Self::File(progress) => fs::metadata(&progress.path).ok().map(|meta| meta.len()),
        }
    }

    /// The lines not imported yet. The bytes read are counted in `read_bytes`.
    pub fn open(&self, read_bytes: Arc<AtomicU64>) -> anyhow::Result<Lines> {
        match self {
            Self::Stdin { .. } => Lines::stdin(read_bytes).context("failed to read standard input"),
            Self::File(progress) => Lines::open(&progress.path, progress.cursor(), read_bytes)
                .with_context(|| format!("failed to read {}", progress.path.display())),
        }
    }

    /// Keeps in `state` that everything before `end` is done.
    pub fn advance(&mut self, end: Cursor, imported: u64, rejects: &[Reject], state: &Path) -> anyhow::Result<()> {
        let Self::File(progress) = self else { return Ok(()) };
        let rejected = rejects.iter().filter(|reject| reject.number <= end.line).count() as u64;
        progress.advance(end, imported, rejected);
        progress.save(state)
    }
}

fn repeat_hint(file: &Path, before: &Progress) -> String {
    format!(
        "{} was imported before ({} events, {}): its lines are now added again; --resume adds only those that are new",
        file.display(),
        before.imported,
        before.updated
    )
}
