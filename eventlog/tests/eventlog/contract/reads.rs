//! What is promised to those who read.

use std::time::Duration;

use event::Positions;
use eventlog::{LogError, Reader};
use tokio::time::timeout;

use crate::contract::fixture::{Fixture, next_millisecond, numbered, record, text, within};

/// Long enough to see that something waits.
const A_WHILE: Duration = Duration::from_millis(30);

async fn reader_from_the_start(fixture: &Fixture) -> Box<dyn Reader> {
    let mut reader = fixture.log.reader(&fixture.topic).await.expect("a reader");
    reader.assign(&fixture.start(&fixture.topic).await).await.expect("an assignment");
    reader
}

pub(crate) async fn a_reader_gets_what_was_acknowledged_before(fixture: Fixture) {
    for round in 1..=20 {
        fixture.append(numbered(0..3)).await;
        assert_eq!(fixture.payloads(&fixture.topic).await.len(), 3 * round);
    }
}

pub(crate) async fn a_reader_starts_at_the_positions_that_it_is_given(fixture: Fixture) {
    let places = fixture.append((0..500).map(|n| record("same", format!("{n:0100}"))).collect()).await;
    let partition = places[0].0;
    for index in [0, 1, 37, 250, 499] {
        let mut reader = fixture.log.reader(&fixture.topic).await.expect("a reader");
        let position: Positions = [places[index]].into_iter().collect();
        reader.assign(&position).await.expect("an assignment");
        let first = within(reader.next(1)).await.expect("records").remove(0);
        assert_eq!((first.partition, first.offset), (partition, places[index].1));
        assert_eq!(text(&first), format!("{index:0100}"));
    }
}

pub(crate) async fn a_reader_waits_for_the_next_record(fixture: Fixture) {
    let mut reader = reader_from_the_start(&fixture).await;
    for number in 0..20_usize {
        assert!(number > 2 || timeout(A_WHILE, reader.next(1 << 20)).await.is_err(), "there is nothing to read");
        let waiting = tokio::spawn(async move { (reader.next(1 << 20).await, reader) });
        fixture.append(numbered(number..number + 1)).await;
        let records;
        (records, reader) = within(waiting).await.expect("the reading task");
        assert_eq!(records.expect("records").iter().map(text).collect::<Vec<_>>(), [number.to_string()]);
    }
}

pub(crate) async fn a_reader_without_partitions_waits(fixture: Fixture) {
    fixture.append(numbered(0..3)).await;
    let mut reader = fixture.log.reader(&fixture.topic).await.expect("a reader");
    assert!(timeout(A_WHILE, reader.next(1)).await.is_err());
    reader.assign(&Positions::default()).await.expect("an assignment");
    assert!(timeout(A_WHILE, reader.next(1)).await.is_err());
}

pub(crate) async fn a_reader_follows_many_appenders(fixture: Fixture) {
    let mut reader = reader_from_the_start(&fixture).await;
    let tasks = (0..16).map(|_| {
        let (log, topic) = (fixture.log.clone(), fixture.topic.clone());
        tokio::spawn(async move {
            for _ in 0..200 {
                log.append(&topic, numbered(0..1)).await.expect("an append");
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut read = 0;
    while read < 16 * 200 {
        read += within(reader.next(1 << 20)).await.expect("records").len();
    }
    assert_eq!(read, 16 * 200);
    for task in tasks {
        task.await.expect("the appending task");
    }
}

pub(crate) async fn a_read_that_is_dropped_loses_no_record(fixture: Fixture) {
    let (log, topic) = (fixture.log.clone(), fixture.topic.clone());
    let appending = tokio::spawn(async move {
        for number in 0..200 {
            log.append(&topic, vec![record("same", format!("{number:03}"))]).await.expect("an append");
        }
    });
    let mut reader = reader_from_the_start(&fixture).await;
    let mut read = Vec::new();
    let everything = async {
        for patience_us in (0..400).cycle() {
            if let Ok(records) = timeout(Duration::from_micros(patience_us), reader.next(100)).await {
                read.extend(records.expect("records").iter().map(text));
            }
            if read.len() >= 200 {
                break;
            }
        }
    };
    within(everything).await;
    appending.await.expect("the appending task");
    assert_eq!(read, (0..200).map(|number| format!("{number:03}")).collect::<Vec<_>>());
}

pub(crate) async fn a_read_gives_about_as_much_as_was_asked_for_and_at_least_one_record(fixture: Fixture) {
    fixture.append((0..100).map(|_| record("same", vec![b'x'; 1000])).collect()).await;
    let mut reader = reader_from_the_start(&fixture).await;
    for (max_bytes, about) in [(1, 1..=1), (1000, 1..=2), (10_000, 5..=11)] {
        let records = within(reader.next(max_bytes)).await.expect("records");
        assert!(about.contains(&records.len()), "{} records for {max_bytes} bytes", records.len());
    }
}

pub(crate) async fn a_position_beyond_the_end_is_refused_and_the_reader_can_be_set_anew(fixture: Fixture) {
    let (partition, offset) = fixture.append(vec![record("same", "only")]).await[0];
    let mut reader = fixture.log.reader(&fixture.topic).await.expect("a reader");
    reader.assign(&[(partition, offset + 2)].into_iter().collect()).await.expect("an assignment");
    for _ in 0..2 {
        let result = within(reader.next(1)).await;
        assert!(matches!(&result, Err(LogError::OutOfRange { requested, held, .. })
            if *requested == offset + 2 && held.end == offset + 1));
    }
    reader.assign(&[(partition, offset)].into_iter().collect()).await.expect("an assignment");
    assert_eq!(text(&within(reader.next(1)).await.expect("records")[0]), "only");
}

pub(crate) async fn a_time_gives_the_first_record_taken_then_or_later(fixture: Fixture) {
    let before = next_millisecond().await;
    let mut stops = Vec::new();
    for number in 0..30 {
        let place = fixture.append(vec![record("same", vec![b'x'; 50 * number])]).await[0];
        stops.push((place, next_millisecond().await));
    }
    let ((partition, first), _) = stops[0];
    let look_up = async |time| fixture.log.offset_for_time(&fixture.topic, partition, time).await.expect("an offset");
    assert_eq!(look_up(before).await, first);
    for ((_, offset), after) in stops {
        assert_eq!(look_up(after).await, offset + 1, "the record after, or the end");
    }
}

pub(crate) async fn topics_are_apart(fixture: Fixture) {
    let other = format!("{}.other", fixture.topic);
    fixture.append(numbered(0..5)).await;
    fixture.log.append(&other, numbered(5..7)).await.expect("an append");
    assert_eq!(fixture.payloads(&fixture.topic).await, ["0", "1", "2", "3", "4"]);
    assert_eq!(fixture.payloads(&other).await, ["5", "6"]);
}
