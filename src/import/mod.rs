//! Web server logs into the gateway: each line becomes an event of its own time.
//!
//! 1. [`input`] reads lines from a file, decompressed, from any offset on.
//! 2. [`mod@line`] reads one line; [`batch`] makes events of them, as gzip'd NDJSON.
//! 3. [`sender`] posts a batch until the gateway has answered it.
//! 4. [`source`] and [`state`] keep how far each file has come; [`report`] tells the person at the terminal.
//!
//! **Invariant:** progress is kept only after the gateway's answer, and a line's event id depends on the import and on the
//! line's place alone: a batch sent twice is recognised as the same.

mod batch;
mod input;
mod line;
mod quoted;
mod report;
mod sender;
mod source;
mod state;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{io, thread};

use anyhow::Context;
use event::Secret;
use tokio::sync::mpsc;

use batch::{Batch, Reject, Settings};
use input::Lines;
use report::Report;
use sender::{Refusal, Sender};
use source::Source;

/// Batches parsed while one is being sent.
const BATCHES_AHEAD: usize = 2;

/// What to import, and how.
#[derive(Debug)]
pub struct Import {
    /// Files in this order; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Base address of the gateway.
    pub to: String,
    /// A server key of the gateway's site, for a gateway that does not trust this machine's address.
    pub key: Option<Secret>,
    /// The site, for every line.
    pub host: Option<String>,
    /// The address recorded where the log has a host name.
    pub fallback_ip: Option<IpAddr>,
    /// Go on after what has been imported of a file before.
    pub resume: bool,
    /// Where the progress is kept.
    pub state: PathBuf,
    /// Lines in a request.
    pub batch_lines: usize,
    /// Where rejected lines go.
    pub rejects: Option<PathBuf>,
    /// How long one request is repeated.
    pub give_up_after: Duration,
}

impl Import {
    /// Imports all files; an error when one could not be read to its end or the gateway takes no more.
    pub async fn run(&self) -> anyhow::Result<()> {
        let sender = Sender::new(&self.to, self.key.as_ref(), self.give_up_after)?;
        let mut report = Report::new(self.rejects.as_deref())?;
        let result = self.import_all(&sender, &mut report).await;
        report.finish()?;
        result
    }

    async fn import_all(&self, sender: &Sender, report: &mut Report) -> anyhow::Result<()> {
        let mut streams = Vec::new();
        for file in &self.files {
            streams.push(source::is_stream(file)?);
        }
        for (file, is_stream) in self.files.iter().zip(streams) {
            let hint = if is_stream { "" } else { "; go on with --resume" };
            let failed = || format!("failed to import {}{hint}", source::name_of(file));
            self.import(file, sender, report).await.with_context(failed)?;
        }
        Ok(())
    }

    async fn import(&self, file: &Path, sender: &Sender, report: &mut Report) -> anyhow::Result<()> {
        let name = source::name_of(file);
        let mut source = Source::of(file, &self.state, self.resume)?;
        let read_bytes = report.begin_file(&name, source.bytes());
        let mut batches = ReadAhead::start(source.open(read_bytes)?, self.settings(source.import_id()));
        while let Some(mut batch) = batches.next().await? {
            let refused = if batch.sent.is_empty() { Vec::new() } else { sender.send(&batch.body).await? };
            let rejects = all_rejects(&mut batch, refused)?;
            let imported = batch.sent.len() as u64;
            report.add(&name, imported, &rejects)?;
            source.advance(batch.end, imported, &rejects, &self.state)?;
        }
        Ok(())
    }

    fn settings(&self, import_id: &str) -> Settings {
        Settings {
            import_id: import_id.to_owned(),
            host: self.host.clone(),
            fallback_ip: self.fallback_ip,
            max_lines: self.batch_lines,
        }
    }
}

/// The lines that gave no event, in the file's order: those refused by the gateway leave `batch.sent`.
fn all_rejects(batch: &mut Batch, refused: Vec<Refusal>) -> anyhow::Result<Vec<Reject>> {
    let mut rejects = std::mem::take(&mut batch.rejected);
    let mut reasons: BTreeMap<usize, String> =
        refused.into_iter().map(|refusal| (refusal.index, refusal.reason)).collect();
    let sent = std::mem::take(&mut batch.sent);
    for (index, line) in sent.into_iter().enumerate() {
        match reasons.remove(&index) {
            Some(reason) => rejects.push(Reject { number: line.number, reason, text: line.text }),
            None => batch.sent.push(line),
        }
    }
    anyhow::ensure!(reasons.is_empty(), "the gateway refuses an event that was not sent");
    rejects.sort_by_key(|reject| reject.number);
    Ok(rejects)
}

/// Batches read in a thread of their own while others are sent.
struct ReadAhead(mpsc::Receiver<io::Result<Option<Batch>>>);

impl ReadAhead {
    fn start(mut lines: Lines, settings: Settings) -> Self {
        let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
        thread::spawn(move || {
            loop {
                let batch = batch::read(&mut lines, &settings);
                let more = matches!(batch, Ok(Some(_)));
                if sender.blocking_send(batch).is_err() || !more {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// The next batch; `None` at the end of the file.
    async fn next(&mut self) -> anyhow::Result<Option<Batch>> {
        Ok(self.0.recv().await.context("the thread that reads the file has ended")??)
    }
}
