//! Questions to the brokers that librdkafka answers by blocking, each on a thread where it may.

use std::ops::Range;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use event::{Positions, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::spawn_blocking;

use super::client::{Clients, create};
use super::context::Context;
use super::errors;
use crate::LogError;

const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(10);
const POLL: Duration = Duration::from_millis(500);

/// A consumer that is only asked.
pub(super) type Asked = Arc<BaseConsumer<Context>>;

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(LogError::Unavailable { reason: error.to_string() }),
    }
}

/// A consumer to ask for metadata and offsets, and with a group for its positions.
pub(super) fn asked(clients: &Clients, group: Option<&str>) -> Result<Asked, LogError> {
    let config = group.map_or_else(|| clients.any_consumer(), |group| clients.offsets(group));
    let consumer: Asked = Arc::new(create(&config, "queries")?);
    keep_polling(&consumer)?;
    Ok(consumer)
}

/// Takes the log lines that otherwise pile up in a client that nobody polls, for as long as somebody holds it.
fn keep_polling(consumer: &Asked) -> Result<(), LogError> {
    let consumer: Weak<_> = Arc::downgrade(consumer);
    let poll = move || {
        while let Some(consumer) = consumer.upgrade() {
            drop(consumer.poll(POLL));
        }
    };
    let started = thread::Builder::new().name("kafka-queries".to_owned()).spawn(poll);
    started.map(drop).map_err(|error| errors::unavailable("start a thread", &error))
}

/// The partitions of a topic; `None` when there is no such topic yet.
pub(super) fn partitions(consumer: &Asked, topic: &str, timeout: Duration) -> Result<Option<Vec<i32>>, LogError> {
    let metadata = consumer
        .fetch_metadata(Some(topic), timeout)
        .map_err(|error| errors::unavailable("ask for the partitions", &error))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
    match found.error() {
        None if found.partitions().is_empty() => Ok(None),
        None => {
            let mut partitions: Vec<i32> = found.partitions().iter().map(|partition| partition.id()).collect();
            partitions.sort_unstable();
            Ok(Some(partitions))
        }
        Some(
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        ) => Ok(None),
        Some(error) => Err(errors::unavailable("ask for the partitions", &RDKafkaErrorCode::from(error))),
    }
}

/// The offsets that readers can reach: up to the first open transaction, if there is one.
pub(super) fn bounds(consumer: &Asked, topic: &str, partition: i32, timeout: Duration) -> Result<Range<i64>, LogError> {
    match patiently(timeout, |remaining| consumer.fetch_watermarks(topic, partition, remaining)) {
        Ok((start, end)) => Ok(start..end),
        Err(error) => Err(errors::unavailable("ask for the offsets held", &error)),
    }
}

/// The first offset at `time` or later, if there is one.
pub(super) fn offset_for_time(
    consumer: &Asked,
    topic: &str,
    partition: i32,
    time: Timestamp,
    timeout: Duration,
) -> Result<Option<i64>, LogError> {
    // A time between two milliseconds is past the first.
    let millis = (time.micros() + 999) / 1_000;
    let ask = |remaining| {
        let mut times = TopicPartitionList::new();
        times.add_partition_offset(topic, partition, Offset::Offset(millis))?;
        let found = consumer.offsets_for_times(times, remaining)?;
        Ok(offsets(&found)?.get(partition))
    };
    patiently(timeout, ask).map_err(|error| errors::unavailable("ask for the offset of a time", &error))
}

/// What the consumer's group has committed in `partitions`. Waits for transactions that would change it.
pub(super) fn positions(
    consumer: &Asked,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> Result<Positions, LogError> {
    let ask = |remaining| {
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            asked.add_partition(topic, *partition);
        }
        offsets(&consumer.committed_offsets(asked, remaining)?)
    };
    patiently(timeout, ask).map_err(|error| match error.rdkafka_error_code() {
        // librdkafka waits for a transaction to end as it waits for a broker to answer.
        Some(RDKafkaErrorCode::UnstableOffsetCommit | RDKafkaErrorCode::OperationTimedOut) => LogError::Unavailable {
            reason: "the brokers do not answer, or a transaction of a killed worker on the positions is still open"
                .into(),
        },
        _ => errors::unavailable("ask for the positions", &error),
    })
}

/// The number of a group's members.
pub(super) fn members(consumer: &Asked, group: &str, timeout: Duration) -> Result<usize, LogError> {
    let found = consumer.fetch_group_list(Some(group), timeout);
    let found = found.map_err(|error| errors::unavailable("ask for the members of the group", &error))?;
    Ok(found.groups().iter().filter(|found| found.name() == group).map(|found| found.members().len()).sum())
}

/// Asks again for as long as the answer is one that passes.
fn patiently<T>(timeout: Duration, mut ask: impl FnMut(Duration) -> KafkaResult<T>) -> KafkaResult<T> {
    let deadline = Instant::now() + timeout;
    loop {
        let remaining = deadline.saturating_duration_since(Instant::now());
        match ask(remaining) {
            Err(error) if passes(&error) && remaining > LOOK_AGAIN_AFTER => thread::sleep(LOOK_AGAIN_AFTER),
            answer => return answer,
        }
    }
}

/// Whether a leader is being elected, or a transaction being ended.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotCoordinator, NotLeaderForPartition, UnstableOffsetCommit};
    let code = error.rdkafka_error_code();
    matches!(code, Some(LeaderNotAvailable | NotCoordinator | NotLeaderForPartition | UnstableOffsetCommit))
}

/// The offsets in an answer; partitions without one are left out.
fn offsets(answer: &TopicPartitionList) -> KafkaResult<Positions> {
    let mut offsets = Positions::default();
    for element in answer.elements() {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            offsets.set(element.partition(), offset);
            if let Ok(mark) = element.metadata().parse() {
                offsets.mark(element.partition(), mark);
            }
        }
    }
    Ok(offsets)
}
