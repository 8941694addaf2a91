//! `db-init`: pageberg's tables in Postgres.

use anyhow::Context;

use super::flags;
use crate::config::{Config, Given};

/// Options of `db-init`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    postgres: flags::Postgres,
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        self.postgres.given().into_iter().collect()
    }
}

/// Applies the migrations that are missing.
pub async fn run(config: Config) -> anyhow::Result<()> {
    sinks::postgres::migrate(&config.postgres).await.context("failed to prepare Postgres")?;
    println!("postgres has every table of pageberg, {} among them", config.postgres.table);
    Ok(())
}
