//! Brings dead letters back into the log.

use eventlog::{EventLog, NewRecord};
use pipeline::replay_record;
use serde::{Deserialize, Serialize};
use sinks::dead_letters::DeadLetterQueue;

use event::DeadLetter;

/// Which letters to replay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Every letter that has not been replayed.
    #[serde(default)]
    all: bool,
    /// These.
    #[serde(default)]
    letters: Vec<LetterId>,
}

/// What identifies a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LetterId {
    stage: String,
    topic: String,
    partition: i32,
    offset: i64,
}

impl LetterId {
    fn of(letter: &DeadLetter) -> Self {
        Self {
            stage: letter.stage.to_string(),
            topic: letter.position.topic.to_string(),
            partition: letter.position.partition,
            offset: letter.position.offset,
        }
    }
}

/// What became of the wish.
#[derive(Debug, Default, Serialize)]
pub struct Replayed {
    replayed: usize,
    failed: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Failed {
    #[serde(flatten)]
    letter: LetterId,
    reason: String,
}

/// Appends the wanted letters to the topics that they came from: first the record, then the mark that it was replayed. A
/// crash in between replays it again, which the pipeline recognises as a duplicate.
pub async fn replay(log: &dyn EventLog, queue: &DeadLetterQueue, wanted: &Wanted) -> anyhow::Result<Replayed> {
    let mut outcome = Replayed::default();
    let mut missing = wanted.letters.clone();
    let mut listing = queue.list().await?;
    while let Some(letters) = listing.next().await? {
        for letter in letters {
            let id = LetterId::of(&letter);
            let named = missing.iter().position(|one| *one == id).map(|index| missing.swap_remove(index));
            if wanted.all || named.is_some() {
                append(log, queue, &letter).await?;
                outcome.replayed += 1;
            }
        }
    }
    let not_found =
        |letter| Failed { letter, reason: "there is no such dead letter, or it was replayed already".to_owned() };
    outcome.failed = missing.into_iter().map(not_found).collect();
    Ok(outcome)
}

async fn append(log: &dyn EventLog, queue: &DeadLetterQueue, letter: &DeadLetter) -> anyhow::Result<()> {
    let key = letter.position.to_string().into_bytes().into();
    let record = NewRecord { key, event_id: None, payload: replay_record(letter) };
    log.append(&letter.position.topic, vec![record]).await?;
    queue.mark_replayed(letter).await?;
    Ok(())
}
