//! Every sink's positions and what the log holds. Nothing is made, changed or locked.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;
use event::Positions;
use eventlog::EventLog;
use eventlog::embedded::ReadOnly;
use eventlog::kafka::{self, KafkaLog};
use serde::Serialize;

use crate::config::{Config, SinkName};
use crate::table;

const DEAD_LETTERS: &str = "dead_letters";

/// Where one sink stands in one partition of the raw topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Sink.
    pub sink: String,
    /// Partition.
    pub partition: i32,
    /// The offset of the record that it gets next; absent when it has none.
    pub next: Option<i64>,
    /// The record before that, by which the log is known: its offset, and a hash of it.
    pub last_record: Option<String>,
    /// The oldest offset that the log holds, and the one that comes next.
    pub held: Option<(i64, i64)>,
    /// Records between the sink and the end of the log.
    pub lag: Option<i64>,
}

/// Every selected sink in every partition.
///
/// # Errors
/// When a sink or the log cannot be asked.
pub async fn standings(config: &Config) -> anyhow::Result<Vec<Standing>> {
    let (log, topic) = (View::open(config)?, config.topics.raw_topic());
    let held = log.held(&topic).await?;
    let mut standings = Vec::new();
    for name in config.selected_sinks() {
        let stored = stored(config, &log, name).await.with_context(|| format!("failed to ask the sink {name}"))?;
        standings.extend(of_sink(&name.to_string(), &stored, &held));
    }
    let group = format!("{}.{DEAD_LETTERS}", config.topics.group);
    standings.extend(of_sink(DEAD_LETTERS, &log.positions(&group, &topic).await?, &held));
    Ok(standings)
}

async fn stored(config: &Config, log: &View, sink: SinkName) -> anyhow::Result<Positions> {
    let (group, topic) = (&config.topics.group, config.topics.raw_topic());
    match sink {
        SinkName::Postgres => Ok(sinks::postgres::stored_positions(&config.postgres, group, &topic).await?),
        SinkName::Kafka => log.positions(group, &topic).await,
        SinkName::Iceberg => match table::open(config, None).await {
            Ok(table) => Ok(table.positions(&topic)?),
            Err(error) if matches!(error.downcast_ref(), Some(warehouse::Error::NoTable { .. })) => {
                Ok(Positions::default())
            }
            Err(error) => Err(error),
        },
    }
}

fn of_sink(sink: &str, stored: &Positions, held: &BTreeMap<i32, Range<i64>>) -> Vec<Standing> {
    let of_held = held.keys().copied();
    let mut partitions: Vec<i32> = stored.iter().map(|(partition, _)| partition).chain(of_held).collect();
    partitions.sort_unstable();
    partitions.dedup();
    let standing = |partition: i32| {
        let (next, held) = (stored.get(partition), held.get(&partition));
        Standing {
            sink: sink.to_owned(),
            partition,
            next,
            last_record: stored.last(partition).map(|mark| mark.to_string()),
            held: held.map(|held| (held.start, held.end)),
            lag: next.zip(held).map(|(next, held)| held.end - next),
        }
    };
    partitions.into_iter().map(standing).collect()
}

/// The log, beside whoever writes it.
enum View {
    Embedded(ReadOnly),
    Kafka(Arc<KafkaLog>),
}

impl View {
    fn open(config: &Config) -> anyhow::Result<Self> {
        if config.kafka.brokers.is_some() {
            let looked_at = kafka::Config { create_topics: false, ..config.kafka.clone() };
            return Ok(Self::Kafka(KafkaLog::connect(&looked_at).context("failed to set Kafka up")?));
        }
        let opened = ReadOnly::open(&config.log_dir());
        Ok(Self::Embedded(opened.with_context(|| format!("there is no log in {}", config.data.display()))?))
    }

    async fn held(&self, topic: &str) -> anyhow::Result<BTreeMap<i32, Range<i64>>> {
        match self {
            Self::Embedded(log) => {
                let of_topic = log.topics()?.into_iter().filter(|summary| summary.topic == topic);
                Ok(of_topic.map(|summary| (0, summary.bounds)).collect())
            }
            Self::Kafka(log) => {
                let mut held = BTreeMap::new();
                for partition in log.partitions(topic).await? {
                    held.insert(partition, log.bounds(topic, partition).await?);
                }
                Ok(held)
            }
        }
    }

    async fn positions(&self, group: &str, topic: &str) -> anyhow::Result<Positions> {
        match self {
            Self::Embedded(log) => {
                let mut all = log.positions()?.into_iter();
                let found = all.find(|found| found.group == group && found.topic == topic);
                Ok(found.map(|found| found.positions).unwrap_or_default())
            }
            Self::Kafka(log) => Ok(log.positions(group, topic).await?),
        }
    }
}
