//! `topic list` and `topic read`: a look into the embedded log beside the server that writes it.

use std::io::{self, BufWriter, Write};

use anyhow::{Context, ensure};
use eventlog::embedded::{ReadOnly, TopicSummary};

use crate::config::Config;

/// Options of `topic`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print each topic with its oldest offset, its next offset and its size in bytes, separated by tabs
    List,
    /// Print a topic's records, one a line, as they are: JSON objects in the topics that pageberg writes
    #[command(after_help = "Example:\n  pageberg topic read pageberg.raw_events_kafka --limit 10")]
    Read {
        /// Topic, as `topic list` names it
        name: String,
        /// Offset of the first record. Default: the oldest one held
        #[arg(long, value_name = "OFFSET")]
        from: Option<i64>,
        /// Number of records. Default: all that there are now
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
}

impl Args {
    pub fn run(self, config: Config) -> anyhow::Result<()> {
        let log = open(&config)?;
        let mut out = BufWriter::new(io::stdout().lock());
        match self.command {
            Command::List => list(&log, &mut out)?,
            Command::Read { name, from, limit } => read(&log, &name, from, limit, &mut out)?,
        }
        out.flush()?;
        Ok(())
    }
}

/// The embedded log in the data folder, read beside whoever writes it.
pub fn open(config: &Config) -> anyhow::Result<ReadOnly> {
    ensure!(config.kafka.brokers.is_none(), "the log is in Kafka: read it with Kafka's own tools");
    ReadOnly::open(&config.log_dir()).with_context(|| format!("there is no log in {}", config.data.display()))
}

/// What `name` holds; `None` when there is no such topic.
pub fn summary(log: &ReadOnly, name: &str) -> anyhow::Result<Option<TopicSummary>> {
    Ok(log.topics()?.into_iter().find(|summary| summary.topic == name))
}

fn list(log: &ReadOnly, out: &mut impl Write) -> anyhow::Result<()> {
    for TopicSummary { topic, bounds, bytes, .. } in log.topics()? {
        writeln!(out, "{topic}\t{}\t{}\t{bytes}", bounds.start, bounds.end)?;
    }
    Ok(())
}

fn read(
    log: &ReadOnly,
    name: &str,
    from: Option<i64>,
    limit: Option<usize>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let from = match from {
        Some(from) => from,
        None => summary(log, name)?.with_context(|| format!("there is no topic {name}"))?.bounds.start,
    };
    for record in log.records(name, from)?.take(limit.unwrap_or(usize::MAX)) {
        out.write_all(&record?.payload)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
