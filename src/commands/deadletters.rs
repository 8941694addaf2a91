//! `deadletters`: the records that could not be decoded or delivered.

use std::io::{self, BufWriter, Write};

use anyhow::{Context, bail, ensure};
use event::{DeadLetter, LetterId};
use sinks::dead_letters::Outstanding;

use super::health::url_of;
use super::{flags, topic};
use crate::config::{Config, Given};
use crate::replay::{Replayed, Wanted};

/// Options of `deadletters`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print each dead letter: its id, the time at which the log took the record, and the reason, separated by tabs; works
    /// while the server runs
    List {
        /// Print one JSON object a line instead, the record's bytes included
        #[arg(long)]
        json: bool,
    },
    /// Have the running server deliver dead letters again, each to the sinks that lack it; run it once the cause is mended
    #[command(after_help = "Examples:
  pageberg deadletters list
  pageberg deadletters replay sink:postgres@pageberg.raw_events/0/12
  pageberg deadletters replay --all")]
    Replay {
        #[command(flatten)]
        status: flags::Status,
        /// Replay every dead letter
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Ids as `deadletters list` prints them: STAGE@TOPIC/PARTITION/OFFSET
        #[arg(value_name = "ID", value_parser = letter_id, required_unless_present = "all")]
        ids: Vec<LetterId>,
    },
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        match &self.command {
            Command::Replay { status, .. } => status.given().into_iter().collect(),
            Command::List { .. } => Vec::new(),
        }
    }

    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        match self.command {
            Command::List { json } => list(&config, json),
            Command::Replay { all, ids, .. } => replay(&config, &Wanted { all, letters: ids }).await,
        }
    }
}

fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let (log, name) = (topic::open(config)?, config.kafka.dead_letter_topic());
    let first = topic::summary(&log, &name)?.map(|held| held.bounds.start);
    let records = || first.map(|first| log.records(&name, first)).transpose();
    let mut outstanding = Outstanding::default();
    for record in records()?.into_iter().flatten() {
        outstanding.note(&record?.payload);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let mut shown = 0;
    for record in records()?.into_iter().flatten() {
        let record = record?;
        if let Some(letter) = outstanding.letter(&record.payload) {
            show(&letter, &record.payload, json, &mut out)?;
            shown += 1;
        }
    }
    out.flush()?;
    match outstanding.unreadable() {
        0 if shown == 0 => eprintln!("there are no dead letters"),
        0 => {}
        unreadable => eprintln!("{unreadable} records of {name} are no dead letters"),
    }
    Ok(())
}

fn show(letter: &DeadLetter, record: &[u8], json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        out.write_all(record)?;
        return out.write_all(b"\n");
    }
    writeln!(out, "{}\t{}\t{}", letter.id(), letter.time, letter.reason.replace(['\n', '\t'], " "))
}

async fn replay(config: &Config, wanted: &Wanted) -> anyhow::Result<()> {
    let url = format!("{}/deadletters/replay", url_of(config.status.listen));
    let response = reqwest::Client::new().post(&url).json(wanted).send().await;
    let response = response.context("the server does not answer: replay needs it running (--status ADDR)")?;
    let status = response.status();
    let body = response.bytes().await?;
    if !status.is_success() {
        bail!("the server answers {status} {}", String::from_utf8_lossy(&body).trim());
    }
    let answer: Replayed = serde_json::from_slice(&body).context("the server's answer cannot be read")?;
    println!("{} replayed", answer.replayed);
    for id in &answer.unknown {
        eprintln!("{id}: there is no such dead letter, or it was replayed before");
    }
    ensure!(answer.unknown.is_empty(), "{} dead letters were not replayed", answer.unknown.len());
    Ok(())
}

fn letter_id(text: &str) -> Result<LetterId, &'static str> {
    LetterId::parse(text).ok_or("must look like decode@TOPIC/PARTITION/OFFSET or sink:NAME@TOPIC/PARTITION/OFFSET")
}
