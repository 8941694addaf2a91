//! What tests can do with the memory log beyond the contract.

use std::sync::Arc;
use std::time::Duration;

use event::{Advance, Positions, Step, Timestamp};
use eventlog::memory::{Action, MemoryLog, Operation};
use eventlog::{EventLog, LogError, NewRecord};
use tokio::time::timeout;

fn record(payload: &'static str) -> NewRecord {
    NewRecord { key: "key".into(), event_id: None, payload: payload.into() }
}

fn advance(expected: Option<i64>, next: i64) -> Advance {
    Advance { topic: Arc::from("raw"), steps: vec![Step { partition: 0, expected, next, last: None }] }
}

fn start() -> Positions {
    [(0, 0)].into_iter().collect()
}

#[tokio::test]
async fn what_was_done_is_recorded_in_order() {
    let log = MemoryLog::new(1);
    log.append("raw", vec![record("a"), record("b")]).await.unwrap();
    let mut reader = log.reader("raw").await.unwrap();
    reader.assign(&start()).await.unwrap();
    reader.next(1).await.unwrap();
    let mut transactor = log.transactor("sink", "enriched").await.unwrap();
    transactor.commit(vec![record("A")], &advance(None, 1)).await.unwrap();
    log.release("raw", 0, 1).await.unwrap();
    let (raw, output) = ("raw".to_owned(), "enriched".to_owned());
    assert_eq!(
        log.actions(),
        [
            Action::Append { topic: raw.clone(), at: vec![(0, 0), (0, 1)] },
            Action::Assign { topic: raw.clone(), positions: start() },
            Action::Read { topic: raw.clone(), at: vec![(0, 0)] },
            Action::Commit { group: "sink".to_owned(), output, at: vec![(0, 0)], advance: advance(None, 1) },
            Action::Release { topic: raw, partition: 0, offset: 1 },
        ]
    );
}

#[tokio::test]
async fn a_failure_put_in_the_way_happens_once_and_has_no_effect() {
    let log = MemoryLog::new(1);
    log.fail_next(Operation::Append, LogError::Busy);
    log.fail_next(Operation::Append, LogError::Full { reason: "no room".to_owned() });
    assert!(matches!(log.append("raw", vec![record("a")]).await, Err(LogError::Busy)));
    assert!(matches!(log.append("raw", vec![record("a")]).await, Err(LogError::Full { .. })));
    assert_eq!(log.append("raw", vec![record("a")]).await.unwrap(), [(0, 0)]);
    log.fail_next(Operation::Positions, LogError::Busy);
    assert!(log.positions("sink", "raw").await.is_err());
    let mut reader = log.reader("raw").await.unwrap();
    reader.assign(&start()).await.unwrap();
    log.fail_next(Operation::Read, LogError::Busy);
    assert!(reader.next(1).await.is_err());
    assert_eq!(reader.next(1).await.unwrap()[0].payload, "a");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_has_taken_place() {
    let log = MemoryLog::new(1);
    let mut transactor = log.transactor("sink", "enriched").await.unwrap();
    log.lose_next_answer(Operation::Commit);
    let result = transactor.commit(vec![record("A")], &advance(None, 1)).await;
    assert!(matches!(result, Err(LogError::Unavailable { .. })));
    assert_eq!(log.positions("sink", "raw").await.unwrap().get(0), Some(1));
    assert!(matches!(transactor.commit(Vec::new(), &advance(None, 1)).await, Err(LogError::Moved)));
}

#[tokio::test]
async fn an_unavailable_log_fails_every_operation_and_those_who_wait() {
    let log = MemoryLog::new(1);
    let mut reader = log.reader("raw").await.unwrap();
    reader.assign(&start()).await.unwrap();
    let waiting = tokio::spawn(async move { (reader.next(1).await, reader) });
    tokio::task::yield_now().await;
    log.set_available(false);
    let (result, mut reader) = timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert!(matches!(result, Err(LogError::Unavailable { .. })));
    assert!(log.append("raw", vec![record("a")]).await.is_err());
    log.set_available(true);
    log.append("raw", vec![record("a")]).await.unwrap();
    assert_eq!(reader.next(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn time_retention_and_assignment_can_be_set() {
    let log = MemoryLog::new(2);
    let noon = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
    log.set_time(noon);
    let (partition, _) = log.append("raw", vec![record("a"), record("b")]).await.unwrap()[0];
    let mut reader = log.reader("raw").await.unwrap();
    reader.assign(&[(partition, 0)].into_iter().collect()).await.unwrap();
    assert_eq!(reader.next(1).await.unwrap()[0].time, noon);
    log.remove_before("raw", partition, 2).unwrap();
    assert!(matches!(reader.next(1).await, Err(LogError::OutOfRange { held, .. }) if held == (2..2)));
    let mut membership = log.join("sink", "raw").await.unwrap();
    assert_eq!(membership.assigned().await.unwrap(), [0, 1]);
    log.set_assignment(vec![1]);
    assert_eq!(membership.assigned().await.unwrap(), [1]);
}
