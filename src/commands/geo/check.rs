//! `geo check`: whether files are sound geo databases, and what they know.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use geodata::{DatabaseFile, Found, inspect, refresh};
use indicatif::{HumanBytes, HumanCount};

use crate::config::Config;

/// Options of `geo check`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pageberg geo check GeoLite2-City.mmdb DB11.BIN
  # replace a database only by a sound one; a running server takes it up by itself
  pageberg geo check new.mmdb && mv new.mmdb data/geo/city.mmdb

The exit code is 1 when a file is not sound.")]
pub struct Args {
    /// Addresses of IPv4, and as many of IPv6, to look up; they are spread over the whole public space
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000)]
    lookups: u32,
    /// MMDB or IP2Location BIN files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Args {
    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        let mut unsound = 0;
        for path in &self.files {
            let line = match check(path, self.lookups, &config.geo.refresh) {
                Ok(told) => format!("ok      {}: {told}", path.display()),
                Err(error) => {
                    unsound += 1;
                    format!("failed  {}: {error:#}", path.display())
                }
            };
            writeln!(io::stdout(), "{line}")?;
        }
        ensure!(unsound == 0, "{unsound} of {} files are no sound geo databases", self.files.len());
        Ok(())
    }
}

/// What the file is and knows, or what is wrong with it.
fn check(path: &Path, lookups: u32, refresh: &refresh::Config) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).context("cannot be read")?;
    let file = refresh::examine(path, bytes, None, Vec::new(), refresh)?;
    let inspection = inspect(&file, lookups);
    let (ipv4, ipv6) = (inspection.ipv4, inspection.ipv6);
    let failed = ipv4.failed + ipv6.failed;
    let first = inspection.first_failure.unwrap_or_default();
    ensure!(failed == 0, "{} of {} look-ups fail, the first is {first}", failed, ipv4.looked_up + ipv6.looked_up);
    let fields = match inspection.fields.is_empty() {
        true => "knows none of the addresses tried".to_owned(),
        false => format!("knows {}", inspection.fields.join(", ")),
    };
    Ok(format!("{}\n        {fields}\n        {}, {}", identity(&file), share("IPv4", ipv4), share("IPv6", ipv6)))
}

fn identity(file: &DatabaseFile) -> String {
    let built = file.built().map_or("does not tell when it was built".to_owned(), |built| format!("built {built}"));
    format!("{}, {}, {}, {built}", file.name(), file.format(), HumanBytes(file.size_bytes()))
}

fn share(kind: &str, found: Found) -> String {
    format!("{kind}: {} of {} addresses", HumanCount(found.known), HumanCount(found.looked_up))
}
