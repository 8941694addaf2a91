//! How often, and how far apart, records reach the remote twice.

use std::collections::HashMap;

use eventlog::memory::MemoryLog;
use eventlog::{EventLog, NewRecord};
use futures::future::join_all;
use spool::{Config, REPEAT_RECORDS, SPOOLED_PARTITION};

use crate::spool::fixture::{Fixture, Line, TOPIC, config, eventually, read_all, record, within, without_duplicates};
use crate::spool::remote::{Mood, Remote};

const APPENDS: usize = 100;
const RECORDS_EACH: usize = 1_000;

/// The number of second copies, and the greatest distance between two copies of a record.
pub(crate) fn copies(lines: &[Line]) -> (usize, usize) {
    let (mut last, mut copies, mut farthest) = (HashMap::new(), 0, 0);
    for (offset, line) in lines.iter().enumerate() {
        if let Some(before) = last.insert(&line.id, offset) {
            copies += 1;
            farthest = farthest.max(offset - before);
        }
    }
    (copies, farthest)
}

pub(crate) fn many(key: &str, count: usize) -> Vec<NewRecord> {
    (0..count).map(|n| record(key, &n.to_string())).collect()
}

/// The remote takes everything at once, however much it is given, and answers nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_stand_within_the_distance_that_readers_must_look_back_whatever_is_configured() {
    let config = Config { after_ms: 500, replay_batch_bytes: 64 << 20, segment_bytes: 64 << 20, ..config() };
    let fixture = Fixture::of(config, Remote::new(MemoryLog::new(1), Mood::LosesAnswers, 0)).await;
    let appends = (0..APPENDS).map(|_| fixture.log.append(TOPIC, many("a", RECORDS_EACH)));
    for positions in within(join_all(appends)).await {
        assert!(positions.unwrap().iter().all(|(partition, _)| *partition == SPOOLED_PARTITION));
    }
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    let (copies, farthest) = copies(&read_all(&*fixture.remote).await);
    assert!(copies > 0 && farthest < REPEAT_RECORDS, "{copies} copies, {farthest} records apart");
}

#[tokio::test]
async fn an_append_larger_than_what_may_be_under_way_is_taken() {
    let fixture = Fixture::new(Mood::Works).await;
    let positions = fixture.log.append(TOPIC, many("a", REPEAT_RECORDS + 1)).await.unwrap();
    assert!(positions.iter().all(|(partition, _)| *partition != SPOOLED_PARTITION));
    assert_eq!((positions.len(), fixture.arrived("a").await.len()), (REPEAT_RECORDS + 1, REPEAT_RECORDS + 1));
}

#[tokio::test]
async fn of_a_batch_that_fails_in_part_only_the_rest_is_sent_again() {
    let config = Config { replay_batch_bytes: 1 << 20, ..config() };
    let fixture = Fixture::of(config, Remote::new(MemoryLog::new(1), Mood::Down, 0)).await;
    for n in 0..20 {
        fixture.append(if n % 2 == 0 { "sound" } else { "broken" }, &n.to_string()).await.unwrap();
    }
    fixture.remote.break_key(Some("broken"));
    fixture.remote.set_mood(Mood::Works);
    let before = fixture.remote.attempts();
    eventually(async || fixture.remote.attempts() > before + 5).await;
    assert_eq!(fixture.arrived("sound").await.len(), 10, "each once, however often the others are tried");
    fixture.remote.break_key(None);
    fixture.until_direct().await;
    let odd: Vec<_> = (0..20).filter(|n| n % 2 == 1).map(|n: usize| n.to_string()).collect();
    assert_eq!((fixture.arrived("broken").await, fixture.arrived("sound").await.len()), (odd, 10));
}

#[tokio::test]
async fn of_an_append_that_fails_in_part_only_the_rest_is_spooled() {
    let fixture = Fixture::new(Mood::Works).await;
    fixture.remote.break_key(Some("broken"));
    let positions = fixture.log.append(TOPIC, vec![record("broken", "0"), record("sound", "1")]).await.unwrap();
    assert_eq!(positions[0], (SPOOLED_PARTITION, 0));
    assert_ne!(positions[1].0, SPOOLED_PARTITION);
    fixture.remote.break_key(None);
    fixture.until_direct().await;
    let lines = read_all(&*fixture.remote).await;
    let seen = without_duplicates(&lines);
    assert_eq!((&seen["broken"][..], &seen["sound"][..]), (&["0".to_owned()][..], &["1".to_owned()][..]));
    assert_eq!(copies(&lines).0, 0);
}

/// Of a topic that has lost the leader of one partition.
#[tokio::test]
async fn a_partition_that_takes_nothing_holds_up_no_other_not_even_after_a_restart() {
    let mut fixture = Fixture::of(config(), Remote::new(MemoryLog::new(2), Mood::Works, 0)).await;
    fixture.remote.break_key(Some("broken"));
    for n in 0..200 {
        if n == 100 {
            within(fixture.log.close()).await;
            fixture = fixture.reopen().await;
        }
        fixture.append("sound", &n.to_string()).await.unwrap();
        assert_eq!(fixture.append("broken", &n.to_string()).await.unwrap(), SPOOLED_PARTITION);
        if n % 50 == 49 {
            eventually(async || fixture.arrived("sound").await.len() > n).await;
        }
    }
    assert_eq!(fixture.arrived("broken").await, [""; 0]);
    fixture.remote.break_key(None);
    fixture.until_direct().await;
    let all: Vec<_> = (0..200).map(|n| n.to_string()).collect();
    assert_eq!((fixture.arrived("broken").await, fixture.arrived("sound").await), (all.clone(), all));
}
