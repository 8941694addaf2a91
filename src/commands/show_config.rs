//! `config`: the configuration in effect.

use std::io::{self, Write};

use crate::config::{self, Loaded};

/// Prints it to standard output.
pub fn run(loaded: &Loaded) -> anyhow::Result<()> {
    io::stdout().write_all(config::print(loaded)?.as_bytes())?;
    Ok(())
}
