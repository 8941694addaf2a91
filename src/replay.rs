//! Brings dead letters back into the log.

use event::{DeadLetter, LetterId};
use eventlog::{EventLog, NewRecord};
use pipeline::replay_record;
use serde::{Deserialize, Serialize};
use sinks::dead_letters::DeadLetterQueue;

/// Which letters to replay: the body of `POST /deadletters/replay`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// Every letter that has not been replayed.
    pub all: bool,
    /// These.
    pub letters: Vec<LetterId>,
}

/// What became of the wish: the answer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Replayed {
    pub replayed: usize,
    /// Letters that there are not, or that were replayed before.
    pub unknown: Vec<LetterId>,
}

/// Appends the wanted letters to the topics that they came from: first the record, then the mark that it was replayed. A
/// crash in between replays it again, which the pipeline recognises as a duplicate.
pub async fn replay(log: &dyn EventLog, queue: &DeadLetterQueue, wanted: &Wanted) -> anyhow::Result<Replayed> {
    let mut outcome = Replayed { replayed: 0, unknown: wanted.letters.clone() };
    let mut listing = queue.list().await?;
    while let Some(letters) = listing.next().await? {
        for letter in letters {
            let id = letter.id();
            if wanted.all || outcome.unknown.contains(&id) {
                append(log, queue, &letter).await?;
                outcome.replayed += 1;
                outcome.unknown.retain(|wanted| *wanted != id);
            }
        }
    }
    Ok(outcome)
}

async fn append(log: &dyn EventLog, queue: &DeadLetterQueue, letter: &DeadLetter) -> anyhow::Result<()> {
    let key = letter.position.to_string().into_bytes().into();
    let record = NewRecord { key, event_id: None, payload: replay_record(letter) };
    log.append(&letter.position.topic, vec![record]).await?;
    queue.mark_replayed(letter).await?;
    Ok(())
}
