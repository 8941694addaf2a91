//! `geo lookup`: what the geo databases say of addresses.

use std::io::{self, BufRead, Write};
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, ensure};
use geodata::{GeoDatabase, LiveDatabase, Locator};
use serde_json::json;

use crate::commands::flags;
use crate::config::{Config, Given};

/// Options of `geo lookup`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pageberg geo lookup --geo dbip-city.mmdb 8.8.8.8 2001:4860:4860::8888
  # several databases: each field of the place from the first that knows it
  pageberg geo lookup --geo GeoLite2-City.mmdb --geo GeoLite2-ASN.mmdb 8.8.8.8
  # one address a line on standard input
  cut -d' ' -f1 access.log | pageberg geo lookup - | jq -r .place.country | sort | uniq -c

What is no address gives a line with the key `error`; the others go on, and the exit code is 1 in the end. Private and \
reserved addresses have no place.")]
pub struct Args {
    #[command(flatten)]
    geo: flags::Geo,
    /// IPv4 or IPv6 addresses; `-` stands for those on standard input, one a line
    #[arg(value_name = "IP", required = true)]
    addresses: Vec<String>,
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        self.geo.given().into_iter().collect()
    }

    pub fn run(self, config: &Config) -> anyhow::Result<()> {
        // Databases named here are to be tried alone, not together with those that the server uses.
        let alone = self.geo.given().is_some();
        let files = if alone { config.geo.files.clone() } else { config.geo.all_files(&config.data) };
        let (database, errors) = GeoDatabase::open(&files);
        for error in errors {
            eprintln!("pageberg: {:#}", anyhow::Error::new(error));
        }
        ensure!(database.names().next().is_some(), "no geo database is open: give --geo FILE");
        let mut printer = Printer { locator: Locator::new(Arc::new(LiveDatabase::new(database))), invalid: 0 };
        for address in &self.addresses {
            match address.as_str() {
                "-" => io::stdin().lock().lines().try_for_each(|line| {
                    let line = line.context("failed to read standard input")?;
                    if line.trim().is_empty() { Ok(()) } else { printer.print(line.trim()) }
                })?,
                address => printer.print(address)?,
            }
        }
        let arguments =
            if printer.invalid == 1 { "argument is no IP address" } else { "arguments are no IP addresses" };
        ensure!(printer.invalid == 0, "{} {arguments}", printer.invalid);
        Ok(())
    }
}

struct Printer {
    locator: Locator,
    invalid: usize,
}

impl Printer {
    fn print(&mut self, address: &str) -> anyhow::Result<()> {
        let line = match address.parse::<IpAddr>() {
            Ok(_) => {
                let located = self.locator.locate(Some(address));
                json!({"ip": address, "place": *located.place, "database": located.database.as_deref()})
            }
            Err(_) => {
                self.invalid += 1;
                json!({"ip": address, "error": "not an IPv4 or IPv6 address"})
            }
        };
        Ok(writeln!(io::stdout(), "{line}")?)
    }
}
