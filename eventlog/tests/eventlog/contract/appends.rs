//! What is promised to those who append.

use std::collections::BTreeMap;

use eventlog::LogError;
use rand::{RngCore, SeedableRng, rngs::StdRng};

use crate::contract::fixture::{Fixture, numbered, record, text};

pub(crate) async fn an_append_tells_where_each_record_stands(fixture: Fixture) {
    let places = fixture.append(numbered(0..50)).await;
    let all = fixture.read_all(&fixture.topic).await;
    for (number, (partition, offset)) in places.into_iter().enumerate() {
        let found = all[&partition].iter().find(|record| record.offset == offset);
        assert_eq!(found.map(text), Some(number.to_string()));
    }
}

pub(crate) async fn offsets_of_a_partition_are_dense(fixture: Fixture) {
    for start in 0..40 {
        fixture.append(numbered(start..start + 7)).await;
    }
    for (partition, records) in fixture.read_all(&fixture.topic).await {
        let held = fixture.log.bounds(&fixture.topic, partition).await.expect("bounds");
        let offsets: Vec<i64> = records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, held.collect::<Vec<_>>());
        assert!(records.is_sorted_by_key(|record| record.time), "time never runs back");
    }
}

pub(crate) async fn records_of_one_key_keep_their_order(fixture: Fixture) {
    for number in 0..100 {
        fixture.append((0..4).map(|key| record(key, format!("{key} {number:03}"))).collect()).await;
    }
    let mut of_key: BTreeMap<String, Vec<(i32, String)>> = BTreeMap::new();
    for record in fixture.read_all(&fixture.topic).await.into_values().flatten() {
        let (key, number) =
            text(&record).split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("two words");
        of_key.entry(key).or_default().push((record.partition, number));
    }
    for (key, records) in of_key {
        assert_eq!(records.len(), 100, "{key}");
        assert!(records.is_sorted_by_key(|(_, number)| number.clone()), "{key}");
        assert!(records.iter().all(|(partition, _)| *partition == records[0].0), "{key}");
    }
}

pub(crate) async fn appending_nothing_is_no_error_and_has_no_effect(fixture: Fixture) {
    assert_eq!(fixture.append(Vec::new()).await, []);
    assert!(fixture.read_all(&fixture.topic).await.is_empty());
}

pub(crate) async fn a_record_over_the_limit_is_refused_and_none_of_its_append_written(fixture: Fixture) {
    let limit = fixture.max_record_bytes;
    let records = vec![record(1, "small"), record(2, vec![0; limit + 1])];
    let result = fixture.log.append(&fixture.topic, records).await;
    assert!(matches!(result, Err(LogError::TooLarge { bytes, limit: l }) if bytes == limit + 1 && l == limit));
    assert!(fixture.read_all(&fixture.topic).await.is_empty());
}

pub(crate) async fn large_records_come_back_unchanged(fixture: Fixture) {
    let mut random = StdRng::seed_from_u64(7);
    for bytes in [0, 1, 4096, 70_000, 1 << 20, fixture.max_record_bytes] {
        let mut payload = vec![0; bytes];
        random.fill_bytes(&mut payload);
        let places = fixture.append(vec![record(bytes, payload.clone())]).await;
        let all = fixture.read_all(&fixture.topic).await;
        let found = all[&places[0].0].iter().find(|record| record.offset == places[0].1).expect("the record");
        assert!(found.payload == payload, "{bytes} bytes");
    }
}

pub(crate) async fn appends_of_many_tasks_are_all_kept(fixture: Fixture) {
    let tasks = (0..64).map(|task| {
        let (log, topic) = (fixture.log.clone(), fixture.topic.clone());
        tokio::spawn(async move {
            for number in 0..20 {
                log.append(&topic, vec![record(task, format!("{task:02} {number:02}"))]).await.expect("an append");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("the task");
    }
    let expected = (0..64).flat_map(|task| (0..20).map(move |number| format!("{task:02} {number:02}")));
    assert_eq!(fixture.payloads(&fixture.topic).await, expected.collect::<Vec<_>>());
}

pub(crate) async fn a_partition_that_does_not_exist_is_refused(fixture: Fixture) {
    let result = fixture.log.bounds(&fixture.topic, 99).await;
    // Where partitions can be added, it may come to be.
    let refused = matches!(result, Err(LogError::OutOfRange { partition: 99, .. } | LogError::Unavailable { .. }));
    assert!(refused, "{result:?}");
    let result = fixture.log.bounds(&fixture.topic, -1).await;
    assert!(matches!(result, Err(LogError::OutOfRange { partition: -1, .. })), "{result:?}");
}
