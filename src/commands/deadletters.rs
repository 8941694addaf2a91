//! `deadletters`: the records that could not be decoded or delivered.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use anyhow::{Context, bail};
use event::{DeadLetter, Stage};
use serde::{Deserialize, Serialize};

use super::health::url_of;
use super::{flags, topic};
use crate::config::{Config, Given};

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
        #[arg(value_name = "ID", value_parser = LetterId::parse, required_unless_present = "all")]
        ids: Vec<LetterId>,
    },
}

/// What identifies a dead letter: the stage at which its record stopped, and the record's place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct LetterId {
    stage: String,
    topic: String,
    partition: i32,
    offset: i64,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ReplayRequest {
    All { all: bool },
    Some { letters: Vec<LetterId> },
}

#[derive(Deserialize)]
struct ReplayAnswer {
    replayed: u64,
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
struct Failed {
    #[serde(flatten)]
    id: LetterId,
    reason: String,
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
            Command::Replay { all: true, .. } => replay(&config, &ReplayRequest::All { all: true }).await,
            Command::Replay { ids, .. } => replay(&config, &ReplayRequest::Some { letters: ids }).await,
        }
    }
}

fn list(config: &Config, json: bool) -> anyhow::Result<()> {
    let (log, name) = (topic::open(config)?, config.kafka.dead_letter_topic());
    let Some(held) = topic::summary(&log, &name)? else {
        eprintln!("there are no dead letters");
        return Ok(());
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut shown = HashSet::new();
    for record in log.records(&name, held.bounds.start)? {
        let record = record?;
        let letter = DeadLetter::parse(&record.payload)
            .with_context(|| format!("offset {} of {name} holds no dead letter", record.offset))?;
        // A letter of a sink is kept at least once: after a crash it may stand there twice.
        if shown.insert(LetterId::of(&letter)) {
            show(&letter, &record.payload, json, &mut out)?;
        }
    }
    out.flush()?;
    Ok(())
}

fn show(letter: &DeadLetter, record: &[u8], json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        out.write_all(record)?;
        return out.write_all(b"\n");
    }
    writeln!(out, "{}\t{}\t{}", LetterId::of(letter), letter.time, letter.reason.replace(['\n', '\t'], " "))
}

async fn replay(config: &Config, request: &ReplayRequest) -> anyhow::Result<()> {
    let url = format!("{}/deadletters/replay", url_of(config.status.listen));
    let response = reqwest::Client::new().post(&url).json(request).send().await;
    let response = response.context("the server does not answer: replay needs it running (--status ADDR)")?;
    let status = response.status();
    let body = response.bytes().await?;
    if !status.is_success() {
        bail!("the server answers {status} {}", String::from_utf8_lossy(&body).trim());
    }
    let answer: ReplayAnswer = serde_json::from_slice(&body).context("the server's answer cannot be read")?;
    println!("{} replayed, {} failed", answer.replayed, answer.failed.len());
    for failed in &answer.failed {
        eprintln!("{}: {}", failed.id, failed.reason);
    }
    match answer.failed.len() {
        0 => Ok(()),
        failed => bail!("{failed} dead letters could not be replayed"),
    }
}

impl LetterId {
    fn of(letter: &DeadLetter) -> Self {
        let position = &letter.position;
        let topic = position.topic.to_string();
        Self { stage: letter.stage.to_string(), topic, partition: position.partition, offset: position.offset }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let parts = || {
            let (stage, position) = text.split_once('@')?;
            let (rest, offset) = position.rsplit_once('/')?;
            let (topic, partition) = rest.rsplit_once('/')?;
            let stage = Stage::parse(stage)?.to_string();
            Some(Self {
                stage,
                topic: topic.to_owned(),
                partition: partition.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        parts().ok_or_else(|| {
            "must look like decode@TOPIC/PARTITION/OFFSET or sink:NAME@TOPIC/PARTITION/OFFSET".to_owned()
        })
    }
}

impl std::fmt::Display for LetterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}/{}/{}", self.stage, self.topic, self.partition, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_printed() {
        for text in ["decode@pageberg.raw_events/0/12", "sink:postgres@raw/3/9223372036854775807"] {
            assert_eq!(LetterId::parse(text).map(|id| id.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "decode@raw/0", "decode@raw/0/x", "elsewhere@raw/0/1", "raw/0/1"] {
            assert!(LetterId::parse(text).is_err(), "{text}");
        }
    }
}
