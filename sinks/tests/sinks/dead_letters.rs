//! Dead letters on the memory log: kept once, cut to size, listed.

use std::sync::Arc;

use bytes::Bytes;
use event::{DeadLetter, LogPosition, Stage, Timestamp};
use eventlog::memory::{MAX_RECORD_BYTES, MemoryLog};
use eventlog::{EventLog, NewRecord};
use pipeline::{Batch, DeadLetters, Sink, SinkError};
use sinks::dead_letters::{DeadLetterQueue, DeadLetterSink};

use crate::events::{TOPIC, batch, step};

const LETTERS: &str = "web.dead_letters";

fn letter(offset: i64, stage: Stage, payload: &[u8]) -> DeadLetter {
    DeadLetter {
        payload: payload.to_vec(),
        stage,
        reason: "not a JSON object".to_owned(),
        position: LogPosition { topic: TOPIC.into(), partition: 0, offset },
        time: Timestamp::default(),
    }
}

fn undecodable(letters: &[DeadLetter]) -> Arc<Batch> {
    Arc::new(Batch { undecodable: letters.to_vec(), ..Arc::unwrap_or_clone(batch(0..2)) })
}

/// Everything that is listed, by offset and stage, and how many records were no dead letters.
async fn listed(log: &Arc<MemoryLog>) -> (Vec<DeadLetter>, usize) {
    let mut listing = DeadLetterQueue::new(log.clone(), LETTERS).list().await.unwrap();
    let mut letters = vec![];
    while let Some(more) = listing.next().await.unwrap() {
        letters.extend(more);
    }
    letters.sort_by_key(|letter| (letter.position.offset, letter.stage.to_string()));
    (letters, listing.unreadable())
}

#[tokio::test]
async fn what_cannot_be_decoded_is_kept_with_its_bytes_and_events_are_not() {
    let log = MemoryLog::new(2);
    let mut sink = DeadLetterSink::new(log.clone(), "web.dead_letters", LETTERS);
    let letters = [letter(3, Stage::Decode, b"{"), letter(4, Stage::Decode, b"\xff\0")];
    let batch = undecodable(&letters);
    assert_eq!(sink.rows(&batch), 2);
    sink.resume(TOPIC).await.unwrap();
    sink.write(&batch).await.unwrap();
    assert_eq!(listed(&log).await.0, []);
    sink.commit(&step(0, None, 5)).await.unwrap();
    assert_eq!(listed(&log).await, (letters.to_vec(), 0));
    assert_eq!(sink.resume(TOPIC).await.unwrap().get(0), Some(5));
}

#[tokio::test]
async fn a_second_process_does_not_keep_the_same_letter_again() {
    let log = MemoryLog::new(2);
    let batch = undecodable(&[letter(3, Stage::Decode, b"{")]);
    for is_first in [true, false] {
        let mut sink = DeadLetterSink::new(log.clone(), "web.dead_letters", LETTERS);
        sink.resume(TOPIC).await.unwrap();
        sink.write(&batch).await.unwrap();
        let outcome = sink.commit(&step(0, None, 5)).await;
        assert!(matches!((is_first, &outcome), (true, Ok(())) | (false, Err(SinkError::Moved))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_letter_appended_again_is_listed_once_and_each_stage_has_its_own() {
    let log = MemoryLog::new(2);
    let queue = DeadLetterQueue::new(log.clone(), LETTERS);
    let postgres = letter(3, Stage::Sink("postgres".to_owned()), b"{}");
    let iceberg = letter(3, Stage::Sink("iceberg".to_owned()), b"{}");
    queue.append(&[postgres.clone(), iceberg.clone()]).await.unwrap();
    queue.append(std::slice::from_ref(&postgres)).await.unwrap();
    let foreign = NewRecord { key: Bytes::new(), event_id: None, payload: Bytes::from_static(b"{}") };
    log.append(LETTERS, vec![foreign]).await.unwrap();
    assert_eq!(listed(&log).await, (vec![iceberg, postgres], 1));
}

#[tokio::test]
async fn the_letters_of_a_sink_are_found_from_its_positions_on_also_those_that_were_replayed() {
    let log = MemoryLog::new(2);
    let queue = DeadLetterQueue::new(log.clone(), LETTERS);
    let of = |sink: &str, offset| letter(offset, Stage::Sink(sink.to_owned()), b"{}");
    let mut elsewhere = of("postgres", 9);
    elsewhere.position.topic = "other.raw".into();
    let kept = [of("postgres", 3), of("postgres", 4), of("iceberg", 5), letter(6, Stage::Decode, b"{"), elsewhere];
    queue.append(&kept).await.unwrap();
    queue.mark_replayed(&of("postgres", 4)).await.unwrap();
    let from = |next| [(0, next)].into_iter().collect();
    for (next, offsets) in [(0, vec![3, 4]), (4, vec![4]), (5, vec![])] {
        let mut found = queue.of_sink("postgres", TOPIC, &from(next)).await.unwrap();
        found.sort_by_key(|letter| letter.position.offset);
        assert_eq!(found.iter().map(|letter| letter.position.offset).collect::<Vec<_>>(), offsets);
    }
    let nowhere = [(1, 0)].into_iter().collect();
    assert_eq!(queue.of_sink("postgres", TOPIC, &nowhere).await.unwrap(), []);
}

#[tokio::test]
async fn a_letter_too_large_for_the_log_is_cut_instead_of_lost() {
    let log = MemoryLog::new(1);
    let payload = vec![0xff; MAX_RECORD_BYTES - 1_000];
    let (decode, sink) = (letter(1, Stage::Decode, &payload), letter(1, Stage::Sink("kafka".to_owned()), &payload));
    DeadLetterQueue::new(log.clone(), LETTERS).append(&[sink]).await.unwrap();

    let mut sink = DeadLetterSink::new(log.clone(), "web.dead_letters", LETTERS);
    sink.resume(TOPIC).await.unwrap();
    sink.write(&undecodable(std::slice::from_ref(&decode))).await.unwrap();
    assert!(matches!(sink.commit(&step(0, None, 2)).await, Err(SinkError::Retry { .. })));
    sink.resume(TOPIC).await.unwrap();
    sink.write(&undecodable(&[decode])).await.unwrap();
    sink.commit(&step(0, None, 2)).await.unwrap();

    let (letters, _) = listed(&log).await;
    assert_eq!(letters.len(), 2);
    for letter in letters {
        assert!(payload.starts_with(&letter.payload) && letter.payload.len() > MAX_RECORD_BYTES / 4);
        assert!(letter.reason.starts_with("not a JSON object (of 16776216 bytes"), "{}", letter.reason);
    }
}
