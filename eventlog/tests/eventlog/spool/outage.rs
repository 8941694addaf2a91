//! One outage at a time: what is spooled, what is not, and how it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eventlog::memory::{MemoryLog, Operation};
use eventlog::{EventLog, LogError};
use futures::future::join_all;
use spool::{Config, SPOOLED_PARTITION, SpooledLog};

use crate::spool::fixture::{DEADLINE, Fixture, TOPIC, config, eventually, record, within, without_duplicates};
use crate::spool::remote::{Mood, Remote};

/// What an append may take besides the time that the remote is given, on a machine that is busy.
const SLACK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn while_the_remote_works_it_gives_the_answers_and_nothing_is_spooled() {
    let fixture = Fixture::new(Mood::Works).await;
    let records = (0..3).map(|n| record("a", &n.to_string())).collect();
    let positions = fixture.log.append(TOPIC, records).await.unwrap();
    let (partition, first) = positions[0];
    assert_eq!(positions, [(partition, first), (partition, first + 1), (partition, first + 2)]);
    assert_eq!(fixture.arrived("a").await, ["0", "1", "2"]);
    assert_eq!(fixture.log.append(TOPIC, Vec::new()).await.unwrap(), []);
}

#[tokio::test]
async fn an_outage_at_the_start_is_bridged() {
    let fixture = Fixture::new(Mood::Down).await;
    assert_eq!(fixture.log.append(TOPIC, vec![record("a", "0")]).await.unwrap(), [(SPOOLED_PARTITION, 0)]);
    let two = vec![record("a", "1"), record("b", "2")];
    assert_eq!(fixture.log.append(TOPIC, two).await.unwrap(), [(SPOOLED_PARTITION, 1), (SPOOLED_PARTITION, 2)]);
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_ne!(fixture.append("a", "3").await.unwrap(), SPOOLED_PARTITION);
    assert_eq!(fixture.arrived("a").await, ["0", "1", "3"]);
    assert_eq!(fixture.arrived("b").await, ["2"]);
}

#[tokio::test]
async fn outages_in_the_middle_are_bridged_one_after_the_other() {
    let fixture = Fixture::new(Mood::Works).await;
    let mut expected = Vec::new();
    for number in 0..60 {
        match number % 20 {
            10 => fixture.remote.set_mood(Mood::Down),
            0 => {
                fixture.remote.set_mood(Mood::Works);
                fixture.until_direct().await;
            }
            _ => {}
        }
        let partition = fixture.append("a", &number.to_string()).await.unwrap();
        assert_eq!(partition == SPOOLED_PARTITION, number % 20 >= 10, "{number}");
        expected.push(number.to_string());
    }
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.arrived("a").await, expected);
}

#[tokio::test]
async fn topics_keep_apart_in_the_spool() {
    let fixture = Fixture::new(Mood::Down).await;
    for topic in [TOPIC, "other", TOPIC] {
        fixture.log.append(topic, vec![record("a", topic)]).await.unwrap();
    }
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.arrived("a").await, [TOPIC, TOPIC]);
    let mut others = 0;
    for partition in 0..3 {
        others += fixture.remote.bounds("other", partition).await.unwrap().end;
    }
    assert_eq!(others, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_that_hangs_holds_no_append_longer_than_it_is_given() {
    let fixture = Fixture::new(Mood::Hangs).await;
    let started = Instant::now();
    let appends = (0..64).map(|n| fixture.log.append(TOPIC, vec![record(&n.to_string(), "x")]));
    for positions in within(join_all(appends)).await {
        assert_eq!(positions.unwrap()[0].0, SPOOLED_PARTITION);
    }
    assert!(started.elapsed() < Duration::from_millis(config().after_ms) + SLACK, "{:?}", started.elapsed());
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    for n in 0..64 {
        assert_eq!(fixture.arrived(&n.to_string()).await, ["x"], "what hung has arrived, and is not repeated");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_hangs_holds_no_append_longer_than_the_remote_is_given() {
    let fixture = Fixture::new(Mood::Down).await;
    for round in 0..5 {
        for n in 0..200 {
            fixture.append("a", &format!("{round} {n}")).await.unwrap();
        }
        fixture.remote.set_mood(Mood::Works);
        let some_arrived = async || fixture.arrived("a").await.iter().any(|text| text.starts_with(&round.to_string()));
        eventually(some_arrived).await;
        fixture.remote.set_mood(Mood::Hangs);
        let started = Instant::now();
        for _ in 0..10 {
            fixture.append("b", "x").await.unwrap();
        }
        assert!(started.elapsed() < 10 * Duration::from_millis(config().after_ms) + SLACK);
        fixture.remote.set_mood(Mood::Down);
    }
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    let lines = crate::spool::fixture::read_all(&*fixture.remote).await;
    let expected: Vec<_> = (0..5).flat_map(|round| (0..200).map(move |n| format!("{round} {n}"))).collect();
    assert_eq!(without_duplicates(&lines)["a"], expected);
}

#[tokio::test]
async fn nothing_spooled_is_sent_while_an_append_from_before_is_unsettled() {
    let fixture = Fixture::new(Mood::Hangs).await;
    assert_eq!(fixture.append("a", "first").await.unwrap(), SPOOLED_PARTITION);
    fixture.append("a", "second").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(200), async {
        eventually(async || !fixture.arrived("a").await.is_empty()).await;
    });
    assert!(early.await.is_err());
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.arrived("a").await, ["first", "second"]);
}

#[tokio::test]
async fn an_append_whose_caller_goes_away_is_finished_and_still_waited_for() {
    let fixture = Fixture::new(Mood::Hangs).await;
    let mut gone = Box::pin(fixture.append("a", "first"));
    let under_way = eventually(async || fixture.remote.attempts() > 0);
    tokio::select! {
        answer = &mut gone => panic!("answered: {answer:?}"),
        () = under_way => {}
    }
    drop(gone);
    fixture.append("a", "second").await.unwrap();
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.arrived("a").await, ["first", "second"]);
}

#[tokio::test]
async fn errors_that_are_no_outage_are_the_callers() {
    let memory = MemoryLog::new(3);
    let fixture = Fixture::of(config(), Remote::with_limit(memory.clone(), Mood::Works, 0, 100)).await;
    let refused = fixture.append("a", &"x".repeat(200)).await;
    assert!(matches!(refused, Err(LogError::TooLarge { limit: 100, .. })));
    for error in [LogError::UnknownTopic(TOPIC.to_owned()), LogError::Busy, LogError::Damaged("x".to_owned())] {
        let text = error.to_string();
        memory.fail_next(Operation::Append, error);
        assert_eq!(fixture.append("a", "x").await.unwrap_err().to_string(), text);
    }
    assert_ne!(fixture.append("a", "taken").await.unwrap(), SPOOLED_PARTITION);
    assert_eq!(fixture.arrived("a").await, ["taken"]);
}

#[tokio::test]
async fn a_remote_that_is_busy_for_long_is_away() {
    let fixture = Fixture::new(Mood::Busy).await;
    assert!(matches!(fixture.append("a", "0").await, Err(LogError::Busy)));
    eventually(async || matches!(fixture.append("a", "1").await, Ok(SPOOLED_PARTITION))).await;
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.arrived("a").await, ["1"]);
}

#[tokio::test]
async fn partitions_are_told_as_last_known_while_the_remote_is_away() {
    let fixture = Fixture::new(Mood::Works).await;
    let told = async || {
        let started = Instant::now();
        let partitions = fixture.log.partitions(TOPIC).await.unwrap();
        assert!(started.elapsed() < SLACK);
        partitions
    };
    assert_eq!(told().await, [0, 1, 2]);
    for mood in [Mood::Down, Mood::Hangs] {
        fixture.remote.set_mood(mood);
        assert_eq!(told().await, [0, 1, 2], "before anything is spooled");
        fixture.append("a", "x").await.unwrap();
        assert_eq!(told().await, [0, 1, 2]);
        fixture.remote.set_mood(Mood::Works);
        fixture.until_direct().await;
    }
    let unknown = Fixture::new(Mood::Down).await;
    assert_eq!(unknown.log.partitions(TOPIC).await.unwrap(), [0; 0]);
}

#[tokio::test]
async fn a_closed_spool_takes_nothing_and_what_is_left_goes_first_when_it_is_opened_again() {
    let fixture = Fixture::new(Mood::Down).await;
    for n in 0..50 {
        fixture.append("a", &n.to_string()).await.unwrap();
    }
    let again = SpooledLog::open(fixture.dir.path(), &config(), fixture.remote.clone()).await;
    assert!(matches!(again.err(), Some(LogError::Locked(_))));
    within(fixture.log.close()).await;
    assert!(matches!(fixture.append("a", "late").await, Err(LogError::Unavailable { .. })));
    let fixture = fixture.reopen().await;
    assert_eq!(fixture.append("a", "50").await.unwrap(), SPOOLED_PARTITION);
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    let expected: Vec<_> = (0..51).map(|n| n.to_string()).collect();
    assert_eq!(fixture.arrived("a").await, expected);
}

#[tokio::test]
async fn closing_does_not_wait_for_a_remote_that_hangs() {
    let fixture = Fixture::new(Mood::Down).await;
    fixture.append("a", "x").await.unwrap();
    fixture.remote.set_mood(Mood::Hangs);
    let started = Instant::now();
    within(fixture.log.close()).await;
    assert!(started.elapsed() < SLACK);
    let fixture = fixture.reopen().await;
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.arrived("a").await.first().map(String::as_str), Some("x"));
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let (dir, remote): (_, Arc<dyn EventLog>) = (tempfile::tempdir().unwrap(), MemoryLog::new(1));
    let config = Config { after_ms: 0, ..config() };
    let opened = tokio::time::timeout(DEADLINE, SpooledLog::open(dir.path(), &config, remote)).await.unwrap();
    assert!(matches!(opened.err(), Some(LogError::Misconfigured(_))));
}
