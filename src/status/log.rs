//! What the log answers, and since when it does not.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use event::Timestamp;
use eventlog::{EventLog, LogError};
use serde::Serialize;
use tokio::time::timeout;

/// A page that is looked at every second cannot wait for long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The oldest offset held and the one that comes next, by partition.
pub type Held = BTreeMap<i32, (i64, i64)>;

/// The log as the status shows it.
#[derive(Debug, Serialize)]
pub struct LogReport {
    topic: String,
    /// By partition: the oldest offset held and the next one. Empty while the log does not answer.
    partitions: Held,
    /// Why the log does not answer, and since when; absent while it does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    failure: Option<LogFailure>,
}

/// Why the log does not answer.
#[derive(Debug, Clone, Serialize)]
struct LogFailure {
    error: String,
    since: String,
}

/// Remembers since when the log has not answered.
#[derive(Debug, Default)]
pub struct LogWatch(Mutex<Option<String>>);

impl LogWatch {
    /// What a topic holds, and the report about it.
    pub async fn report(&self, log: &dyn EventLog, topic: &str) -> LogReport {
        let (partitions, error) = match held(log, topic).await {
            Ok(partitions) => (partitions, None),
            Err(error) => (Held::default(), Some(error)),
        };
        LogReport { topic: topic.to_owned(), partitions, failure: self.note(error) }
    }

    fn note(&self, error: Option<String>) -> Option<LogFailure> {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(error) => {
                let since = since.get_or_insert_with(|| Timestamp::now().to_string()).clone();
                Some(LogFailure { error, since })
            }
            None => {
                *since = None;
                None
            }
        }
    }
}

impl LogReport {
    /// What the topic holds.
    pub fn held(&self) -> &Held {
        &self.partitions
    }
}

/// What the log holds of a topic, or why it is not known.
pub async fn held(log: &dyn EventLog, topic: &str) -> Result<Held, String> {
    let ask = async {
        let mut held = Held::new();
        for partition in log.partitions(topic).await? {
            let Range { start, end } = log.bounds(topic, partition).await?;
            held.insert(partition, (start, end));
        }
        Ok::<_, LogError>(held)
    };
    match timeout(ANSWER_TIMEOUT, ask).await {
        Ok(Ok(held)) => Ok(held),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())),
    }
}
