//! The spool's size, its files, and records that the remote never takes.

use std::fs;
use std::path::Path;

use eventlog::embedded::ReadOnly;
use eventlog::memory::MemoryLog;
use eventlog::{EventLog, LogError};
use spool::{Config, SPOOLED_PARTITION};

use crate::spool::fixture::{Fixture, TOPIC, config, eventually, record};
use crate::spool::remote::{Mood, Remote};

async fn fill(fixture: &Fixture, from: usize) -> usize {
    for number in from.. {
        match fixture.append("a", &number.to_string()).await {
            Ok(partition) => assert_eq!(partition, SPOOLED_PARTITION),
            Err(LogError::Full { .. }) => return number,
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the spool is full before")
}

#[tokio::test]
async fn a_full_spool_refuses_and_takes_records_again_once_it_was_replayed() {
    let remote = Remote::new(MemoryLog::new(1), Mood::Down, 0);
    let fixture = Fixture::of(Config { max_bytes: 20_000, ..config() }, remote).await;
    let first = fill(&fixture, 0).await;
    assert!((100..300).contains(&first), "{first} records of about 100 bytes");
    let fixture = fixture.reopen().await;
    let second = fill(&fixture, first).await;
    assert!(second < first + 50, "what was there before counts: {second}");
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    fixture.remote.set_mood(Mood::Down);
    let third = fill(&fixture, second).await;
    assert!(third > second + 100, "{third}");
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.arrived("a").await, (0..third).map(|n| n.to_string()).collect::<Vec<_>>());
}

fn segments(dir: &Path) -> usize {
    fs::read_dir(dir.join("topics").join("spooled")).unwrap().count()
}

#[tokio::test]
async fn the_files_of_what_was_replayed_are_removed() {
    let fixture = Fixture::new(Mood::Down).await;
    for n in 0..500 {
        fixture.append("a", &n.to_string()).await.unwrap();
    }
    assert!(segments(fixture.dir.path()) > 5);
    fixture.remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    eventually(async || segments(fixture.dir.path()) == 1).await;
}

#[tokio::test]
async fn what_the_remote_refuses_for_good_is_kept_and_holds_nothing_up() {
    let remote = Remote::with_limit(MemoryLog::new(1), Mood::Down, 0, 500);
    // Roomy enough for several records of each kind to be replayed together.
    let fixture = Fixture::of(Config { replay_batch_bytes: 1 << 20, ..config() }, remote.clone()).await;
    remote.set_mood(Mood::Down);
    let large = |n: usize| format!("large {n} {}", "x".repeat(600));
    let open_way = fixture.append("a", "0").await.unwrap();
    assert_eq!(open_way, SPOOLED_PARTITION);
    for n in [1, 2, 4, 5] {
        let text = if n % 3 == 1 { large(n) } else { n.to_string() };
        fixture.append("a", &text).await.unwrap();
    }
    let three = vec![record("a", "6"), record("a", &large(7)), record("a", "8")];
    fixture.log.append(TOPIC, three).await.unwrap();
    remote.set_mood(Mood::Works);
    fixture.until_direct().await;
    assert_eq!(fixture.arrived("a").await, ["0", "2", "5", "6", "8"]);
    fixture.log.close().await;
    let kept = ReadOnly::open(fixture.dir.path()).unwrap().records("refused", 0).unwrap();
    let kept: Vec<_> = kept.map(|frame| String::from_utf8(frame.unwrap().payload.to_vec()).unwrap()).collect();
    assert_eq!(kept.len(), 3);
    for (frame, n) in kept.iter().zip([1, 4, 7]) {
        assert!(frame.contains(TOPIC) && frame.ends_with(&large(n)), "{frame}");
    }
}
