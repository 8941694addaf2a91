//! `deadletters`: the records that could not be decoded or delivered.

use std::io::{self, BufWriter, Write};

use anyhow::{Context, bail, ensure};
use event::{DeadLetter, LetterId};
use eventlog::kafka::KafkaLog;
use sinks::dead_letters::{DeadLetterQueue, Outstanding};

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
            Command::List { json } => list(&config, json).await,
            Command::Replay { all, ids, .. } => replay(&config, &Wanted { all, letters: ids }).await,
        }
    }
}

async fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let mut out = Printed { out: BufWriter::new(io::stdout().lock()), json, letters: 0 };
    let unreadable = match config.kafka.brokers {
        Some(_) => list_kafka(config, &mut out).await?,
        None => list_embedded(config, &mut out)?,
    };
    out.out.flush()?;
    match unreadable {
        0 if out.letters == 0 => eprintln!("there are no dead letters"),
        0 => {}
        unreadable => eprintln!("{unreadable} records of {} are no dead letters", config.topics.dead_letter_topic()),
    }
    Ok(())
}

async fn list_kafka(config: &Config, out: &mut Printed<impl Write>) -> anyhow::Result<usize> {
    let log = KafkaLog::connect(&config.kafka).context("failed to set Kafka up")?;
    let mut listing = DeadLetterQueue::new(log, &config.topics.dead_letter_topic()).list().await?;
    while let Some(letters) = listing.next().await? {
        letters.iter().try_for_each(|letter| out.print(letter))?;
    }
    Ok(listing.unreadable())
}

/// Reads the log beside the server that writes it.
fn list_embedded(config: &Config, out: &mut Printed<impl Write>) -> anyhow::Result<usize> {
    let (log, name) = (topic::open(config)?, config.topics.dead_letter_topic());
    let first = topic::summary(&log, &name)?.map(|held| held.bounds.start);
    let records = || first.map(|first| log.records(&name, first)).transpose();
    let mut outstanding = Outstanding::default();
    for record in records()?.into_iter().flatten() {
        outstanding.note(&record?.payload);
    }
    for record in records()?.into_iter().flatten() {
        if let Some(letter) = outstanding.letter(&record?.payload) {
            out.print(&letter)?;
        }
    }
    Ok(outstanding.unreadable())
}

/// Letters as they are shown.
struct Printed<W> {
    out: W,
    json: bool,
    letters: usize,
}

impl<W: Write> Printed<W> {
    fn print(&mut self, letter: &DeadLetter) -> io::Result<()> {
        self.letters += 1;
        if self.json {
            self.out.write_all(&letter.to_record())?;
            return self.out.write_all(b"\n");
        }
        let reason = letter.reason.replace(['\n', '\t'], " ");
        writeln!(self.out, "{}\t{}\t{reason}", letter.id(), letter.time)
    }
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
