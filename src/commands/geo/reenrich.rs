//! `geo reenrich`: today's places for rows of the past.

use std::ops::Range;

use anyhow::{Context, ensure};
use event::{TimeError, Timestamp};
use geodata::GeoDatabase;

use crate::commands::flags;
use crate::config::{Config, Given, SinkName};
use crate::reenrich::{self, Target};

/// Options of `geo reenrich`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  # what would change
  pageberg geo reenrich --from 2026-10-01 --to 2026-11-01 --dry-run
  # the Iceberg table alone, with another database than the server's
  pageberg geo reenrich --from 2026-10-01 --to 2026-11-01 --sinks iceberg --geo GeoLite2-City.mmdb

Each row tells which database was asked for it, so that rows which have today's place already are passed over: ended at \
any instant, it does the rest when it is run again. Rows keep everything else, event_id included. Rows without a public \
address (none, a private one, or a hash) stay as they are; a truncated address is looked up as it stands. It may run \
beside a server on the same data folder.")]
pub struct Args {
    #[command(flatten)]
    geo: flags::Geo,
    #[command(flatten)]
    postgres: flags::Postgres,
    /// First event_timestamp to look up: 2026-10-01 or 2026-10-01T09:30:00Z; UTC without an offset
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Timestamp,
    /// First event_timestamp not to look up any more
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Timestamp,
    /// Where to change rows, separated by commas. Default: both, as far as the server is configured to write there
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    sinks: Vec<Target>,
    /// Count only, change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        self.geo.given().into_iter().chain(self.postgres.given()).collect()
    }

    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        ensure!(self.from < self.to, "--from must be earlier than --to");
        let database = self.database(config)?;
        let range = Range { start: self.from, end: self.to };
        reenrich::run(config, database, &self.targets(config), range, self.dry_run).await
    }

    /// All databases, or none: with one missing, places would be forgotten that are known.
    fn database(&self, config: &Config) -> anyhow::Result<GeoDatabase> {
        // Databases named here are to be asked alone, not together with those that the server uses.
        let alone = self.geo.given().is_some();
        let files = if alone { config.geo.files.clone() } else { config.geo.all_files(&config.data) };
        let (database, errors) = GeoDatabase::open(&files);
        errors.into_iter().next().map_or(Ok(()), Err).context("each geo database must be sound")?;
        ensure!(database.names().next().is_some(), "no geo database is configured: give --geo FILE");
        Ok(database)
    }

    fn targets(&self, config: &Config) -> Vec<Target> {
        let target = |sink| match sink {
            SinkName::Postgres => Some(Target::Postgres),
            SinkName::Iceberg => Some(Target::Iceberg),
            SinkName::Kafka => None,
        };
        let configured = || config.selected_sinks().into_iter().filter_map(target).collect();
        if self.sinks.is_empty() { configured() } else { self.sinks.clone() }
    }
}

/// A time, or the beginning of a day; to the millisecond, as events have it.
fn time(text: &str) -> Result<Timestamp, TimeError> {
    let is_day = text.len() == "2026-01-31".len() && !text.contains('T');
    let time = if is_day { Timestamp::parse(&format!("{text}T00:00:00Z")) } else { Timestamp::parse(text) };
    time.map(Timestamp::to_millis_precision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_stands_for_its_beginning() {
        for (text, expected) in [
            ("2026-10-01", Ok("2026-10-01T00:00:00.000Z")),
            ("2026-10-01T09:30:00+02:00", Ok("2026-10-01T07:30:00.000Z")),
            ("2026-10-01 09:30:00.1239", Ok("2026-10-01T09:30:00.123Z")),
            ("2026-13-01", Err(TimeError::Malformed)),
            ("yesterday!", Err(TimeError::Malformed)),
        ] {
            assert_eq!(time(text).map(|time| time.to_string()), expected.map(str::to_owned), "{text}");
        }
    }
}
