//! `geo lookup`: what the geo databases say of an address.

use std::io::{self, Write};
use std::net::IpAddr;

use anyhow::ensure;
use geodata::GeoDatabase;
use serde_json::json;

use super::flags;
use crate::config::{Config, Given};

/// Options of `geo`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print one JSON object a line for each address: the place, and the database that knew it
    #[command(after_help = "Example:\n  pageberg geo lookup --geo dbip-city.mmdb 8.8.8.8 2001:4860:4860::8888")]
    Lookup {
        #[command(flatten)]
        geo: flags::Geo,
        /// IPv4 or IPv6 addresses
        #[arg(value_name = "IP", required = true)]
        addresses: Vec<IpAddr>,
    },
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        let Command::Lookup { geo, .. } = &self.command;
        geo.given().into_iter().collect()
    }

    pub fn run(self, config: Config) -> anyhow::Result<()> {
        let Command::Lookup { addresses, .. } = self.command;
        let (database, errors) = GeoDatabase::open(&config.geo.files);
        for error in errors {
            eprintln!("pageberg: {:#}", anyhow::Error::new(error));
        }
        ensure!(database.names().next().is_some(), "no geo database is open: give --geo FILE");
        let mut out = io::stdout().lock();
        for address in addresses {
            let located = database.locate(address);
            let database = located.database.as_deref();
            writeln!(out, "{}", json!({"ip": address, "place": *located.place, "database": database}))?;
        }
        Ok(())
    }
}
