//! `positions`: where each sink stands in the log, and how to help one that has stopped.

use std::io::{self, BufWriter, Write};

use crate::config::{Config, Given};
use crate::positions::{self, Moved, Standing, Target};

use super::flags;

/// Options of `positions`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    postgres: flags::Postgres,
    #[command(flatten)]
    kafka: flags::Kafka,
    #[command(flatten)]
    sinks: flags::Sinks,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print each sink's next offset in each partition, the oldest and the next offset of the log, the lag, and the record by
    /// which the sink knows the log, separated by tabs; works while the server runs
    Show {
        /// Print one JSON object a line instead
        #[arg(long)]
        json: bool,
    },
    /// Let a sink go on at another record; only while no worker runs
    #[command(after_help = "Examples:
  pageberg positions set --sink postgres --to 1200 --partition 3 --dry-run
  pageberg positions set --sink iceberg --to earliest

What lies between is delivered again, or never. Who moved what is written down in positions.jsonl in the data folder.")]
    Set {
        #[command(flatten)]
        which: Which,
        /// An offset, earliest (the oldest record held) or latest (after the newest)
        #[arg(long, value_name = "OFFSET", value_parser = target)]
        to: Target,
    },
    /// Let a sink go on past what the log does not hold: at the oldest record, or at the end when it stood after that; only
    /// while no worker runs
    Skip {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(clap::Args)]
struct Which {
    /// Sink, as `positions show` names it
    #[arg(long, value_name = "SINK")]
    sink: String,
    /// Partition; may be given several times. Default: all
    #[arg(long, value_name = "N")]
    partition: Vec<i32>,
    /// Tell what would be moved, and move nothing
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        [self.postgres.given(), self.kafka.given(), self.sinks.given()].into_iter().flatten().collect()
    }

    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        match self.command {
            Command::Show { json } => show(&positions::standings(&config).await?, json),
            Command::Set { which, to } => change(&config, &which, to).await,
            Command::Skip { which } => change(&config, &which, Target::Held).await,
        }
    }
}

fn target(text: &str) -> Result<Target, String> {
    match text {
        "earliest" => Ok(Target::Earliest),
        "latest" => Ok(Target::Latest),
        offset => match offset.parse() {
            Ok(offset) if offset >= 0 => Ok(Target::Offset(offset)),
            _ => Err("must be an offset, earliest or latest".to_owned()),
        },
    }
}

fn show(standings: &[Standing], json: bool) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if !json {
        writeln!(out, "sink\tpartition\tnext\toldest\tend\tlag\tlast record")?;
    }
    for one in standings {
        if json {
            writeln!(out, "{}", serde_json::to_string(one)?)?;
            continue;
        }
        let number = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
        let (oldest, end) = (one.held.map(|held| held.0), one.held.map(|held| held.1));
        let numbers = [one.next, oldest, end, one.lag].map(number).join("\t");
        writeln!(out, "{}\t{}\t{numbers}\t{}", one.sink, one.partition, one.last_record.as_deref().unwrap_or("-"))?;
    }
    Ok(out.flush()?)
}

async fn change(config: &Config, which: &Which, target: Target) -> anyhow::Result<()> {
    let moved = positions::change(config, &which.sink, &which.partition, target, which.dry_run).await?;
    let verb = if which.dry_run { "would move" } else { "moved" };
    for Moved { partition, from, to, .. } in &moved {
        let from = from.map_or("nowhere".to_owned(), |from| from.to_string());
        println!("{verb} {} in partition {partition} from {from} to {to}", which.sink);
    }
    if moved.is_empty() {
        println!("{} stands there already", which.sink);
    }
    Ok(())
}
