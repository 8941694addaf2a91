//! What the person at the terminal sees: the progress while it runs, the lines that gave no event, and the sum.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::batch::Reject;

/// Rejected lines told on standard error; all go to the file of `--rejects`.
const SHOWN_REJECTS: u64 = 20;
/// Between two lines of progress where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Counts and shows what became of lines.
pub struct Report {
    rejects: Option<BufWriter<File>>,
    start: Instant,
    last_line: Instant,
    bar: ProgressBar,
    read_bytes: Arc<AtomicU64>,
    pub imported: u64,
    pub rejected: u64,
}

impl Report {
    /// A report on all files of one run. Rejected lines are added to the file `rejects`.
    pub fn new(rejects: Option<&Path>) -> anyhow::Result<Self> {
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            file.map(BufWriter::new).with_context(|| format!("failed to open {}", path.display()))
        };
        Ok(Self {
            rejects: rejects.map(open).transpose()?,
            start: Instant::now(),
            last_line: Instant::now(),
            bar: ProgressBar::hidden(),
            read_bytes: Arc::default(),
            imported: 0,
            rejected: 0,
        })
    }

    /// Begins with a file of `bytes` on the disk, if that is known; returns the counter of those read.
    pub fn begin_file(&mut self, name: &str, bytes: Option<u64>) -> Arc<AtomicU64> {
        self.read_bytes = Arc::default();
        self.bar.finish_and_clear();
        self.bar = bar(name, bytes);
        self.read_bytes.clone()
    }

    /// Counts an answered batch.
    pub fn add(&mut self, name: &str, imported: u64, rejects: &[Reject]) -> anyhow::Result<()> {
        self.imported += imported;
        for reject in rejects {
            self.rejected += 1;
            self.show(name, reject)?;
        }
        self.draw();
        self.flush()
    }

    fn show(&mut self, name: &str, reject: &Reject) -> anyhow::Result<()> {
        let number = reject.number;
        if self.rejected <= SHOWN_REJECTS {
            self.say(&format!("{name}:{number}: {}", reject.reason));
        }
        if self.rejected == SHOWN_REJECTS + 1 {
            self.say("more rejected lines follow: --rejects FILE keeps them all");
        }
        let Some(file) = &mut self.rejects else { return Ok(()) };
        write_reject(file, name, reject).context("failed to write the rejected lines")
    }

    /// So that no rejected line is forgotten whose batch counts as done.
    fn flush(&mut self) -> anyhow::Result<()> {
        self.rejects.as_mut().map_or(Ok(()), Write::flush).context("failed to write the rejected lines")
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    fn draw(&mut self) {
        let done = self.counts();
        if io::stderr().is_terminal() {
            self.bar.set_position(self.read_bytes.load(Ordering::Relaxed));
            self.bar.set_message(done);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            eprintln!("{done}");
        }
    }

    fn counts(&self) -> String {
        format!("{} imported, {} rejected", HumanCount(self.imported), HumanCount(self.rejected))
    }

    /// Tells the sum of the run.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        let seconds = self.start.elapsed().as_secs_f64();
        let parsed = self.imported + self.rejected;
        let rate = self.imported as f64 / seconds.max(0.001);
        let sum =
            format!("{} lines parsed, {} in {seconds:.1} s ({rate:.0} events/s)", HumanCount(parsed), self.counts());
        Ok(writeln!(io::stdout(), "{sum}")?)
    }
}

/// File, line number, reason and the line, separated by tabs.
fn write_reject(file: &mut impl Write, name: &str, reject: &Reject) -> io::Result<()> {
    write!(file, "{name}\t{}\t{}\t", reject.number, reject.reason.replace(['\t', '\n'], " "))?;
    file.write_all(&reject.text)?;
    file.write_all(b"\n")
}

fn bar(name: &str, bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{prefix} [{wide_bar}] {bytes}/{total_bytes} {eta} {msg}"),
        None => (ProgressBar::new_spinner(), "{prefix} {spinner} {bytes} {msg}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style.progress_chars("=> ")).with_prefix(name.to_owned())
}
