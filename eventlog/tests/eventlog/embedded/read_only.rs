//! A log can be looked at while another has it open.

use std::fs;

use event::Positions;
use eventlog::embedded::{GroupPositions, ReadOnly};
use eventlog::{EventLog, LogError};

use crate::embedded::fixture::{TOPIC, advance, append, open, record, segments};

#[tokio::test]
async fn a_log_in_use_can_be_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1000).unwrap();
    for number in 0..50 {
        append(&log, format!("{number:0100}")).await.unwrap();
    }
    let mut transactor = log.transactor("sink", "enriched").await.unwrap();
    transactor.commit(vec![record("a"), record("b")], &advance(None, 5)).await.unwrap();

    let seen = ReadOnly::open(dir.path()).unwrap();
    let topics: Vec<_> = seen.topics().unwrap().into_iter().map(|summary| (summary.topic, summary.bounds)).collect();
    assert_eq!(topics, [("enriched".to_owned(), 0..2), (TOPIC.to_owned(), 0..50)]);
    for from in [0, 1, 17, 49, 50] {
        let offsets: Vec<i64> = seen.records(TOPIC, from).unwrap().map(|record| record.unwrap().offset).collect();
        assert_eq!(offsets, (from..50).collect::<Vec<_>>());
    }
    let positions: Positions = [(0, 5)].into_iter().collect();
    let expected = GroupPositions { group: "sink".to_owned(), topic: "raw".to_owned(), positions };
    assert_eq!(seen.positions().unwrap(), [expected]);
    append(&log, "the log was not disturbed").await.unwrap();
}

#[tokio::test]
async fn a_look_stops_at_an_unfinished_write_and_does_not_repair_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 1 << 20).unwrap();
    append(&log, "whole").await.unwrap();
    let mut transactor = log.transactor("sink", TOPIC).await.unwrap();
    transactor.commit(vec![record("half"), record("of a group")], &advance(None, 5)).await.unwrap();
    log.close().await;
    let path = segments(dir.path()).remove(0);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();

    let seen = ReadOnly::open(dir.path()).unwrap();
    let payloads: Vec<_> = seen.records(TOPIC, 0).unwrap().map(|record| record.unwrap().payload).collect();
    assert_eq!(payloads, ["whole"]);
    assert_eq!(seen.positions().unwrap(), []);
    assert_eq!(fs::metadata(&path).unwrap().len() as usize, bytes.len() - 1);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(ReadOnly::open(dir.path()), Err(LogError::Io { .. })));
    let log = open(dir.path(), 1000).unwrap();
    let seen = ReadOnly::open(dir.path()).unwrap();
    for topic in ["page_views", "..", "a/b", ""] {
        assert!(matches!(seen.records(topic, 0), Err(LogError::UnknownTopic(name)) if name == topic));
    }
    for topic in ["..", "a/b", ""] {
        let result = log.append(topic, vec![record("x")]).await;
        assert!(matches!(result, Err(LogError::UnknownTopic(name)) if name == topic));
    }
}
