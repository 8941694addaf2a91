//! The Iceberg table as the commands and the status page see it: opened to be looked at, and how fresh it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use event::{Positions, Timestamp};
use eventlog::EventLog;
use eventlog::embedded::ReadOnly;
use eventlog::kafka::KafkaLog;
use serde::Serialize;
use warehouse::Table;

use crate::config::Config;

/// How long Kafka may take to tell where the log ends.
const PATIENCE: Duration = Duration::from_secs(15);

/// How much of the log a table lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// The time up to which everything that the log took is in the table: now, when nothing waits.
    pub committed_through: Option<String>,
    /// Records of the log that the table does not reach yet.
    pub waiting_records: Option<i64>,
}

/// One partition of the log, seen from the table.
struct Waiting {
    records: i64,
    /// When the log took the first of them.
    since: Option<Timestamp>,
}

/// The table of this name, else the one that events go to. It is not made.
pub async fn open(config: &Config, name: Option<&str>) -> anyhow::Result<Table> {
    let mut warehouse = config.iceberg.warehouse();
    if let Some(name) = name {
        warehouse.table.name = name.to_owned();
    }
    let data = std::path::absolute(&config.data).with_context(|| not_found(&config.data))?;
    Ok(Table::open_existing(&data, &warehouse).await?)
}

fn not_found(folder: &Path) -> String {
    format!("failed to find {}", folder.display())
}

/// How fresh a table is that reaches these positions, by `topic/partition`. Asks the log beside whoever writes it.
///
/// # Errors
/// When the log cannot be asked.
pub async fn freshness(config: &Config, positions: &BTreeMap<String, i64>) -> anyhow::Result<Freshness> {
    let asked = Timestamp::now();
    let log = Log::open(config)?;
    let mut waiting = Vec::new();
    for (place, next) in positions {
        let (topic, partition) = place.rsplit_once('/').context("a position without a partition")?;
        waiting.push(log.waiting(topic, partition.parse()?, *next).await?);
    }
    Ok(summed(&waiting, asked))
}

fn summed(waiting: &[Waiting], asked: Timestamp) -> Freshness {
    let since =
        waiting.iter().filter(|waiting| waiting.records > 0).map(|waiting| waiting.since.unwrap_or_default()).min();
    // Without a position nothing is known to be in the table.
    let through = (!waiting.is_empty()).then(|| since.unwrap_or(asked).to_string());
    Freshness { committed_through: through, waiting_records: Some(waiting.iter().map(|waiting| waiting.records).sum()) }
}

/// The log, read only.
enum Log {
    Embedded(ReadOnly),
    Kafka(std::sync::Arc<KafkaLog>),
}

impl Log {
    fn open(config: &Config) -> anyhow::Result<Self> {
        if config.kafka.brokers.is_some() {
            return Ok(Self::Kafka(KafkaLog::connect(&config.kafka).context("failed to set Kafka up")?));
        }
        let opened = ReadOnly::open(&config.log_dir());
        Ok(Self::Embedded(opened.with_context(|| format!("there is no log in {}", config.data.display()))?))
    }

    async fn waiting(&self, topic: &str, partition: i32, next: i64) -> anyhow::Result<Waiting> {
        match self {
            Self::Embedded(log) => waiting_in_files(log, topic, next),
            Self::Kafka(log) => {
                let asked = tokio::time::timeout(PATIENCE, waiting_in_kafka(log.as_ref(), topic, partition, next));
                asked.await.context("Kafka does not answer")?
            }
        }
    }
}

fn waiting_in_files(log: &ReadOnly, topic: &str, next: i64) -> anyhow::Result<Waiting> {
    let held = log.topics()?.into_iter().find(|summary| summary.topic == topic).map(|summary| summary.bounds);
    let held = held.with_context(|| format!("the log has no topic {topic}"))?;
    let first = if next < held.end { log.records(topic, next.max(held.start))?.next().transpose()? } else { None };
    Ok(Waiting { records: (held.end - next).max(0), since: first.map(|record| record.time) })
}

async fn waiting_in_kafka(log: &dyn EventLog, topic: &str, partition: i32, next: i64) -> anyhow::Result<Waiting> {
    let held = log.bounds(topic, partition).await?;
    let records = (held.end - next).max(0);
    let mut since = None;
    if records > 0 {
        let mut reader = log.reader(topic).await?;
        reader.assign(&Positions::from_iter([(partition, next.max(held.start))])).await?;
        since = reader.next(1).await?.first().map(|record| record.time);
    }
    Ok(Waiting { records, since })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_fresh_as_the_partition_that_waits_longest() {
        let at = |micros| Timestamp::from_micros(micros).unwrap();
        let waiting = |records, since| Waiting { records, since: Some(at(since)) };
        let now = at(90_000_000);
        let told = |waiting: &[Waiting]| {
            let told = summed(waiting, now);
            (told.committed_through.unwrap_or_default(), told.waiting_records)
        };
        let caught_up = Waiting { records: 0, since: None };
        assert_eq!(told(&[caught_up]), ("1970-01-01T00:01:30.000Z".to_owned(), Some(0)));
        assert_eq!(
            told(&[waiting(2, 50_000_000), Waiting { records: 0, since: None }, waiting(3, 40_000_000)]),
            ("1970-01-01T00:00:40.000Z".to_owned(), Some(5))
        );
        assert_eq!(told(&[]), (String::new(), Some(0)));
    }
}
