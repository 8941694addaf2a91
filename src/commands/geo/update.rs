//! `geo update`: fetches newer databases, once.

use std::io::{self, Write};

use anyhow::{Context, bail, ensure};
use geodata::update::{Outcome, Source, UpdateError, Updater, Urgency};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::minute;
use crate::config::Config;

/// Options of `geo update`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  # DB-IP's free city database; no account is needed
  PAGEBERG_GEO__UPDATE__DBIP__EDITIONS=city-lite pageberg geo update

  # pageberg.toml, any of
  [geo.update.maxmind]
  account_id = 123456
  license_key = \"…\"     # or PAGEBERG_GEO__UPDATE__MAXMIND__LICENSE_KEY
  editions = [\"GeoLite2-City\", \"GeoLite2-ASN\"]
  [geo.update.ip2location]
  token = \"…\"
  codes = [\"DB11LITEBINIPV6\"]
  [geo.update.dbip]
  editions = [\"city-lite\"]
  [geo.update.urls.office]
  url = \"https://mirror.example/city.mmdb.gz\"

`serve` and `pipeline` use what is fetched without its being named in geo.files, and fetch what is newer by themselves. The \
exit code is 1 when a source failed; what was in place stays then.")]
pub struct Args {
    /// Download again what seems to be in place already, and what is not due yet; the vendor's daily limit still holds
    #[arg(long)]
    force: bool,
    /// Only these sources, named as in the output, such as maxmind/GeoLite2-City
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
}

impl Args {
    /// Updates the sources one after the other, and prints a line for each.
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        let updater = Updater::new(&config.geo, &config.data)?;
        let updater =
            updater.context("nothing is to be fetched: configure [geo.update…], as `geo update --help` shows")?;
        let mut failed = 0;
        let sources = self.chosen(&updater)?;
        for source in &sources {
            let result = self.update(&updater, source).await;
            failed += usize::from(result.is_err());
            writeln!(io::stdout(), "{}", line(source, &result))?;
        }
        ensure!(failed == 0, "{failed} of {} geo databases were not updated", sources.len());
        Ok(())
    }

    fn chosen<'a>(&self, updater: &'a Updater) -> anyhow::Result<Vec<&'a Source>> {
        let all = updater.sources();
        if self.sources.is_empty() {
            return Ok(all.iter().collect());
        }
        let find = |name: &String| match all.iter().find(|source| source.name() == name) {
            Some(source) => Ok(source),
            None => {
                let known: Vec<_> = all.iter().map(Source::name).collect();
                bail!("there is no source {name}; configured are {}", known.join(", "))
            }
        };
        self.sources.iter().map(find).collect()
    }

    async fn update(&self, updater: &Updater, source: &Source) -> Result<Outcome, UpdateError> {
        let urgency = match source.is_checked_by_download() {
            _ if self.force => Urgency::Afresh,
            // Asking costs one of few downloads, so that a scheduled command must not ask at every run.
            true => Urgency::WhenDue,
            false => Urgency::Now,
        };
        let bar = bar(source.name());
        let progress = |received, total: Option<u64>| {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(received);
        };
        let result = updater.update_once(source, urgency, &progress).await;
        bar.finish_and_clear();
        result
    }
}

/// Drawn on standard error, and only where that is a terminal.
fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style.progress_chars("=> ")).with_prefix(name.to_owned())
}

fn line(source: &Source, result: &Result<Outcome, UpdateError>) -> String {
    let (name, file) = (source.name(), source.file().display());
    match result {
        Ok(Outcome::Updated { database, bytes }) => {
            format!("updated    {name}: {database}, {} in {file}", HumanBytes(*bytes))
        }
        Ok(Outcome::Unchanged) => format!("unchanged  {name}: {file} is the newest"),
        Ok(Outcome::NotDue { until }) => {
            format!("not due    {name}: next at {}; --force downloads now", minute(*until))
        }
        Err(error) => format!("failed     {name}: {}{}", error.told(), advice(error)),
    }
}

fn advice(error: &UpdateError) -> String {
    error.advice().map(|advice| format!("; {advice}")).unwrap_or_default()
}
