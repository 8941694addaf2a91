//! `table`: a look at the Iceberg table, beside whoever writes it.

mod aligned;
mod files;
mod history;
mod snapshots;
mod status;

use std::io::{self, Write};

use event::Timestamp;
use serde::Serialize;

use crate::config::Config;
use crate::table;

/// Options of `table`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Tell how the table stands: size, small files, snapshots, last commit, and up to when it holds everything
    Status(status::Args),
    /// Print each partition with its files, or with --all each data file
    Files(files::Args),
    /// Print the snapshots, the newest first: what each added and removed, and which branches and tags name it
    Snapshots(snapshots::Args),
    /// Print which snapshot was the current one when, the newest first
    History(history::Args),
}

/// Options of every view.
#[derive(clap::Args)]
struct Shown {
    /// Print JSON instead
    #[arg(long)]
    json: bool,
    /// Another table of the namespace, such as dead_letters. Default: the one that page views go to
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

impl Args {
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        match self.command {
            Command::Status(args) => args.run(&config).await,
            Command::Files(args) => args.run(&config).await,
            Command::Snapshots(args) => args.run(&config).await,
            Command::History(args) => args.run(&config).await,
        }
    }
}

impl Shown {
    async fn open(&self, config: &Config) -> anyhow::Result<warehouse::Table> {
        table::open(config, self.table.as_deref()).await
    }

    /// Prints `told`, or what `text` makes of it for people.
    fn print<T: Serialize + ?Sized>(&self, told: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(told)?)?;
        } else {
            out.write_all(text(told).as_bytes())?;
        }
        Ok(())
    }
}

/// A time for people: to the second, in UTC.
fn second(time: Timestamp) -> String {
    time.to_string().chars().take("2026-01-31T09:30:00".len()).collect::<String>().replace('T', " ")
}

/// `–` where nothing is known.
fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}
