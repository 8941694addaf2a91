//! Whether the log is still the one that a sink's positions count in. A number alone does not tell: a topic that was made anew
//! grows past it, and so does one that has lost its newest records.

use std::collections::BTreeMap;
use std::time::Duration;

use event::{Positions, RecordMark};
use eventlog::LogError;
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
        let found = timeout(READ_TIMEOUT, read(origin, *partition, mark.offset())).await;
        let found = found.unwrap_or_else(|_| Err(LogError::Unavailable { reason: no_answer(*partition) }))?;
        if found != Some(*mark) {
            return Err(LogError::Replaced { partition: *partition, offset: mark.offset() });
        }
    }
    Ok(())
}

async fn read(origin: &Origin, partition: i32, offset: i64) -> Result<Option<RecordMark>, LogError> {
    let mut reader = origin.log.reader(&origin.topic).await?;
    reader.assign(&Positions::from_iter([(partition, offset)])).await?;
    let records = reader.next(1).await?;
    Ok(records.first().map(|record| RecordMark::of(record.offset, &record.payload)))
}

fn no_answer(partition: i32) -> String {
    format!("the record before the position in partition {partition} was not read within {} s", READ_TIMEOUT.as_secs())
}
