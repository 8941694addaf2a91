//! Looks rows of the past up again, in one sink after the other, and tells how far it has come.

use std::io::{self, IsTerminal, Write};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::ValueEnum;
use event::{Reenriched, Reenrichment, Relocated, Timestamp, Verdicts};
use geodata::{GeoDatabase, LiveDatabase, Locator};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use crate::config::Config;

/// Between two lines of progress where there is no terminal to draw on.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A sink whose rows can be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Target {
    /// The table processed_events
    Postgres,
    /// The Iceberg table page_views
    Iceberg,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Iceberg => "iceberg",
        }
    }
}

/// Looks the range up again in each target; a target that fails does not keep the others from it.
pub async fn run(
    config: &Config,
    database: GeoDatabase,
    targets: &[Target],
    range: Range<Timestamp>,
    dry_run: bool,
) -> anyhow::Result<()> {
    let mut locator = Locator::new(Arc::new(LiveDatabase::new(database)));
    let mut locate = |ip: &str| {
        let located = locator.locate(Some(ip));
        located.database.map(|database| Relocated { place: located.place, database })
    };
    let interrupted = listen_for_interrupt();
    let mut failed = Ok(());
    for target in targets {
        let mut progress = Progress::new(target.name(), interrupted.clone());
        let mut watch = |so_far: &Reenriched| progress.show(so_far);
        let asked = Reenrichment { range: range.clone(), dry_run, locate: &mut locate, watch: &mut watch };
        let done = match target {
            Target::Iceberg => {
                let done = sinks::iceberg::reenrich(&config.data, &config.iceberg, asked).await;
                done.context("failed to look rows of the Iceberg table up again")
            }
            Target::Postgres => {
                let done = sinks::postgres::reenrich(&config.postgres, asked).await;
                done.context("failed to look rows of Postgres up again")
            }
        };
        match done {
            Ok(done) => progress.finish(&done, dry_run)?,
            Err(error) if failed.is_ok() => failed = Err(error),
            Err(error) => eprintln!("pageberg: {error:#}"),
        }
        if interrupted.load(Ordering::Relaxed) {
            bail!("interrupted: run the same command again for the rest");
        }
    }
    failed
}

/// Set by the first Ctrl-C, which lets the rows under way be finished; the second ends the process.
fn listen_for_interrupt() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let set = interrupted.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if set.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        }
    });
    interrupted
}

/// What the person at the terminal sees of one target.
struct Progress {
    target: &'static str,
    interrupted: Arc<AtomicBool>,
    bar: ProgressBar,
    began: Instant,
    last_line: Instant,
}

impl Progress {
    fn new(target: &'static str, interrupted: Arc<AtomicBool>) -> Self {
        let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{prefix} [{wide_bar}] {pos}/{len} {eta} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(style.progress_chars("=> ")).with_prefix(target);
        Self { target, interrupted, bar, began: Instant::now(), last_line: Instant::now() }
    }

    fn show(&mut self, so_far: &Reenriched) -> ControlFlow<()> {
        self.bar.set_length(so_far.parts);
        self.bar.set_position(so_far.parts_done);
        self.bar.set_message(format!("{} rows changed", HumanCount(so_far.rows.changed)));
        if self.bar.is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            tracing::info!(
                sink = self.target,
                parts = so_far.parts,
                parts_done = so_far.parts_done,
                rows = so_far.rows.rows(),
                rows_changed = so_far.rows.changed,
                "looking rows up again"
            );
        }
        if self.interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn finish(&self, done: &Reenriched, dry_run: bool) -> io::Result<()> {
        self.bar.finish_and_clear();
        let seconds = self.began.elapsed().as_secs_f64();
        let files = match self.target {
            "iceberg" => format!(", {} of {} data files replaced", done.files_replaced, done.parts),
            _ => String::new(),
        };
        writeln!(io::stdout(), "{}: {}{files}, in {seconds:.1} s", self.target, sentence(&done.rows, dry_run))
    }
}

/// What has become of the rows.
fn sentence(rows: &Verdicts, dry_run: bool) -> String {
    let count = |number: u64| HumanCount(number).to_string();
    format!(
        "{} rows in the range: {} {}, {} had today's place already, {} have no address, {} have none that is public",
        count(rows.rows()),
        count(rows.changed),
        if dry_run { "would change" } else { "changed" },
        count(rows.current),
        count(rows.no_address),
        count(rows.not_public),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_tells_why_rows_stay_as_they_are() {
        let rows = Verdicts { no_address: 1, not_public: 2, current: 3_000, changed: 4 };
        let told = "3,007 rows in the range: 4 would change, 3,000 had today's place already, 1 have no address, 2 have \
            none that is public";
        assert_eq!(sentence(&rows, true), told);
    }
}
