//! Logs on standard error, as text or JSON.

use std::io;

use anyhow::{Context, anyhow};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Starts the log of this process; to be called once.
pub fn start(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().parse(&config.log_filter).context("log_filter (RUST_LOG) cannot be read")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match config.log_format {
        LogFormat::Text => builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow!("failed to start logging: {error}"))
}
