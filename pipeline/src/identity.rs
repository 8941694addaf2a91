//! Whether the log is still the one that a sink's positions count in. A number alone does not tell: a topic that was made anew
//! grows past it, and so does one that has lost its newest records.

use std::collections::BTreeMap;
use std::time::Duration;

use event::{Positions, RecordMark};
use eventlog::{EventLog, LogError};
use tokio::time::timeout;

use crate::source::Origin;

/// How long the log may take to give one record.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads the records again that were delivered last, and compares them with their marks.
///
/// # Errors
/// `Replaced` when one is another record.
pub(crate) async fn check(origin: &Origin, marks: &BTreeMap<i32, RecordMark>) -> Result<(), LogError> {
    for (partition, mark) in marks {
        let found = record_mark(origin.log.as_ref(), &origin.topic, *partition, mark.offset()).await?;
        if found != *mark {
            return Err(LogError::Replaced { partition: *partition, offset: mark.offset() });
        }
    }
    Ok(())
}

/// The mark of the record at an offset that is held, or of the next one where that is none.
///
/// # Errors
/// Those of a [`Reader`](eventlog::Reader), and `Unavailable` when the log does not give the record in time.
pub async fn record_mark(log: &dyn EventLog, topic: &str, partition: i32, offset: i64) -> Result<RecordMark, LogError> {
    let read = async {
        let mut reader = log.reader(topic).await?;
        reader.assign(&Positions::from_iter([(partition, offset)])).await?;
        reader.next(1).await
    };
    let records = timeout(READ_TIMEOUT, read).await.unwrap_or_else(|_| Ok(Vec::new()))?;
    match records.first() {
        Some(record) => Ok(RecordMark::of(record.offset, &record.payload)),
        None => Err(LogError::Unavailable {
            reason: format!(
                "record {offset} of partition {partition} was not read within {} s",
                READ_TIMEOUT.as_secs()
            ),
        }),
    }
}
