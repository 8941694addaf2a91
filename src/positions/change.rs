//! Moves a sink's positions through the sink itself: a commit without rows, which holds only if nobody else has moved them.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, bail, ensure};
use event::{Advance, Positions, Step, Timestamp};
use eventlog::EventLog;
use pipeline::record_mark;
use serde::Serialize;

use crate::config::{self, Config};
use crate::log::Log;
use crate::serve::{self, Roles};

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// This offset.
    Offset(i64),
    /// The oldest record held.
    Earliest,
    /// After the newest record.
    Latest,
    /// Past what the log does not hold: to its oldest record, or to its end for a position that lies after it.
    Held,
}

/// What was moved, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    time: String,
    user: String,
    sink: String,
    topic: String,
    /// Partition.
    pub partition: i32,
    /// Where the sink stood.
    pub from: Option<i64>,
    /// Where it stands.
    pub to: i64,
}

/// Moves the positions of a sink in these partitions, or in all; with `dry_run` it only returns what would be moved.
///
/// # Errors
/// When a worker holds the sink, or an offset is not in the log.
pub async fn change(
    config: &Config,
    sink: &str,
    partitions: &[i32],
    target: Target,
    dry_run: bool,
) -> anyhow::Result<Vec<Moved>> {
    let log = Log::open(config, Roles { gateway: false, pipeline: true }).await;
    let log = log.context("the positions cannot be moved while a server uses the log: stop it first")?;
    let moved = with_log(config, &log, sink, partitions, target, dry_run).await;
    log.close().await;
    moved
}

async fn with_log(
    config: &Config,
    log: &Log,
    sink: &str,
    partitions: &[i32],
    target: Target,
    dry_run: bool,
) -> anyhow::Result<Vec<Moved>> {
    if let Log::Kafka(kafka, _) = log {
        let members = kafka.members(&config.topics.group).await?;
        ensure!(members == 0, "{members} workers are in the group {}: stop them first", config.topics.group);
    }
    let (log, topic) = (log.for_pipeline(), config.topics.raw_topic());
    let mut sinks = serve::sinks(config, log.clone())?;
    let names = sinks.iter().map(|sink| sink.name().to_owned()).collect::<Vec<_>>().join(", ");
    let Some(found) = sinks.iter_mut().find(|found| found.name() == sink) else {
        bail!("there is no sink {sink}; there are {names}")
    };
    let stored = found.resume(&topic).await?;
    let steps = steps(log.as_ref(), &topic, &stored, partitions, target).await?;
    let moves: Vec<Moved> = steps.iter().map(|step| moved(sink, &topic, step)).collect();
    if !dry_run && !steps.is_empty() {
        write_down(config, &moves)?;
        found.commit(&Advance { topic: topic.as_str().into(), steps }).await?;
    }
    Ok(moves)
}

async fn steps(
    log: &dyn EventLog,
    topic: &str,
    stored: &Positions,
    wanted: &[i32],
    target: Target,
) -> anyhow::Result<Vec<Step>> {
    let known = log.partitions(topic).await?;
    if let Some(unknown) = wanted.iter().find(|wanted| !known.contains(wanted)) {
        bail!("the topic {topic} has no partition {unknown}");
    }
    let partitions = known.into_iter().filter(|known| wanted.is_empty() || wanted.contains(known));
    let mut steps = Vec::new();
    for partition in partitions {
        let held = log.bounds(topic, partition).await?;
        let expected = stored.get(partition);
        let next = match (target, expected) {
            (Target::Offset(offset), _) => offset,
            (Target::Earliest, _) => held.start,
            (Target::Latest, _) => held.end,
            (Target::Held, Some(next)) => next.clamp(held.start, held.end),
            (Target::Held, None) => continue,
        };
        ensure!(
            (held.start..=held.end).contains(&next),
            "partition {partition} holds the offsets {} to {}, not {next}",
            held.start,
            held.end
        );
        let last = if next > held.start { Some(record_mark(log, topic, partition, next - 1).await?) } else { None };
        if expected != Some(next) || last != stored.last(partition) {
            steps.push(Step { partition, expected, next, last });
        }
    }
    Ok(steps)
}

fn moved(sink: &str, topic: &str, step: &Step) -> Moved {
    Moved {
        time: Timestamp::now().to_string(),
        user: config::user(),
        sink: sink.to_owned(),
        topic: topic.to_owned(),
        partition: step.partition,
        from: step.expected,
        to: step.next,
    }
}

/// Before the move: one that was made is never missing.
fn write_down(config: &Config, moved: &[Moved]) -> anyhow::Result<()> {
    let path = config.data.join("positions.jsonl");
    let write = || -> std::io::Result<()> {
        let mut file = File::options().create(true).append(true).open(&path)?;
        for moved in moved {
            writeln!(file, "{}", serde_json::to_string(moved)?)?;
        }
        file.sync_all()
    };
    write().with_context(|| format!("failed to write down the move in {}", path.display()))
}
