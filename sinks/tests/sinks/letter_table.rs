//! The sink of the dead-letter topic that writes an Iceberg table.

use std::path::Path;
use std::sync::Arc;

use event::{Advance, DeadLetter, LetterRecord, LogPosition, Positions, Stage, Timestamp};
use pipeline::{Batch, Sink, SinkError};
use sinks::dead_letters::LetterTableSink;
use sinks::iceberg::Config;
use warehouse::Table;

const TOPIC: &str = "web.dead_letters";

/// A record of the dead-letter topic as the pipeline hands it over.
fn record(offset: i64, payload: Vec<u8>) -> DeadLetter {
    let position = LogPosition { topic: TOPIC.into(), partition: 0, offset };
    let reason = "url or host: one of them is needed".to_owned();
    DeadLetter { payload, stage: Stage::Decode, reason, position, time: Timestamp::default() }
}

fn letter(offset: i64) -> DeadLetter {
    let position = LogPosition { topic: "web.raw_events".into(), partition: 0, offset };
    let (payload, reason) = (b"\xff{".to_vec(), "not a JSON object".to_owned());
    DeadLetter { payload, stage: Stage::Decode, reason, position, time: Timestamp::default() }
}

/// Two letters, the mark of a replay, and a record that somebody else put there.
fn batch() -> Arc<Batch> {
    let payloads = [letter(3).to_record(), letter(4).to_record(), LetterRecord::mark(&letter(3).id()), b"{}".to_vec()];
    let records = payloads.into_iter().zip(0..).map(|(payload, offset)| record(offset, payload));
    Arc::new(Batch { undecodable: records.collect(), covers: [(0, 0..4)].into(), ..Batch::default() })
}

fn advance(from: Option<i64>, to: i64) -> Advance {
    let stored: Positions = from.into_iter().map(|next| (0, next)).collect();
    stored.advance_to(&TOPIC.into(), &[(0, to)].into_iter().collect())
}

async fn rows(folder: &Path) -> u64 {
    let mut config = Config::default().warehouse();
    config.table.name = "dead_letters".to_owned();
    Table::open_existing(folder, &config).await.unwrap().vitals().await.unwrap().rows
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_become_rows_once_and_marks_of_replays_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = LetterTableSink::new(folder.path(), &Config::default());
    assert_eq!(sink.resume(TOPIC).await.unwrap(), Positions::default());
    assert_eq!(sink.rows(&batch()), 2);
    sink.write(&batch()).await.unwrap();
    assert_eq!(rows(folder.path()).await, 0, "nobody sees them before the commit");
    sink.commit(&advance(None, 4)).await.unwrap();
    assert_eq!(rows(folder.path()).await, 2);

    let mut another = LetterTableSink::new(folder.path(), &Config::default());
    assert_eq!(another.resume(TOPIC).await.unwrap().get(0), Some(4));
    another.write(&batch()).await.unwrap();
    assert!(matches!(another.commit(&advance(None, 4)).await, Err(SinkError::Moved)));
    assert_eq!(rows(folder.path()).await, 2);
}

#[tokio::test]
async fn names_that_cannot_be_used_are_refused() {
    let mut config = Config::default();
    for name in ["page_views", "../letters", ""] {
        config.dead_letters.name = name.to_owned();
        let refused = config.check(Path::new("data")).unwrap_err().to_string();
        assert!(refused.contains("dead_letters.name"), "{refused}");
    }
}
