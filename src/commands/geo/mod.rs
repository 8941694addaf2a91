//! `geo`: the geo databases from the command line, with or without a running server.

mod check;
mod lookup;
mod reenrich;
mod status;
mod update;

use chrono::{DateTime, Utc};

use crate::config::{Config, Given};

/// Options of `geo`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print one JSON object a line for each address: the place, and the databases that knew it
    Lookup(lookup::Args),
    /// Fetch newer databases from the sources of [geo.update]; a running server takes them up by itself
    Update(update::Args),
    /// Tell how each configured database stands: age, size, fields, last and next update
    Status(status::Args),
    /// Tell whether files are sound geo databases, and what they know
    Check(check::Args),
    /// Look the rows of a time range up again with today's databases; beside a running server, and resumable
    Reenrich(reenrich::Args),
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        match &self.command {
            Command::Lookup(args) => args.given(),
            Command::Status(args) => args.given(),
            Command::Reenrich(args) => args.given(),
            Command::Update(_) | Command::Check(_) => Vec::new(),
        }
    }

    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        match self.command {
            Command::Lookup(args) => args.run(&config),
            Command::Update(args) => args.run(&config).await,
            Command::Status(args) => args.run(&config),
            Command::Check(args) => args.run(&config),
            Command::Reenrich(args) => args.run(&config).await,
        }
    }
}

/// A time for people: to the minute, in UTC.
fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}
