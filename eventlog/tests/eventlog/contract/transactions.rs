//! What is promised about positions, transactions and groups.

use std::sync::Arc;
use std::time::Duration;

use event::{Advance, Positions, Step};
use eventlog::LogError;
use tokio::time::timeout;

use crate::contract::fixture::{Fixture, numbered, record, within};

const GROUP: &str = "sink";

fn advance(fixture: &Fixture, expected: Option<i64>, next: i64) -> Advance {
    Advance { topic: Arc::from(fixture.topic.as_str()), steps: vec![Step { partition: 0, expected, next, last: None }] }
}

fn output(fixture: &Fixture) -> String {
    format!("{}.enriched", fixture.topic)
}

async fn position(fixture: &Fixture) -> Option<i64> {
    fixture.log.positions(GROUP, &fixture.topic).await.expect("positions").get(0)
}

pub(crate) async fn a_new_group_has_no_positions(fixture: Fixture) {
    assert_eq!(fixture.log.positions(GROUP, &fixture.topic).await.expect("positions"), Positions::default());
}

pub(crate) async fn outputs_and_positions_are_committed_together(fixture: Fixture) {
    let output = output(&fixture);
    let mut transactor = fixture.log.transactor(GROUP, &output).await.expect("a transactor");
    let mut expected = None;
    for round in 1..=30 {
        let next = 10 * round as i64;
        transactor.commit(numbered(0..round), &advance(&fixture, expected, next)).await.expect("a commit");
        expected = Some(next);
        assert_eq!(position(&fixture).await, expected);
    }
    assert_eq!(fixture.payloads(&output).await.len(), (1..=30).sum::<usize>());
}

pub(crate) async fn positions_take_no_offset(fixture: Fixture) {
    let output = output(&fixture);
    let mut transactor = fixture.log.transactor(GROUP, &output).await.expect("a transactor");
    for next in 1..=20 {
        let expected = (next > 1).then(|| next - 1);
        transactor.commit(numbered(0..3), &advance(&fixture, expected, next)).await.expect("a commit");
    }
    for (partition, records) in fixture.read_all(&output).await {
        let held = fixture.log.bounds(&output, partition).await.expect("bounds");
        assert_eq!(records.len() as i64, held.end - held.start);
    }
}

pub(crate) async fn positions_alone_can_be_committed(fixture: Fixture) {
    let output = output(&fixture);
    let mut transactor = fixture.log.transactor(GROUP, &output).await.expect("a transactor");
    for next in 0..200 {
        let expected = (next > 0).then(|| next - 1);
        transactor.commit(Vec::new(), &advance(&fixture, expected, next)).await.expect("a commit");
    }
    assert_eq!(position(&fixture).await, Some(199));
    assert!(fixture.read_all(&output).await.is_empty());
    fixture.log.append(&output, vec![record(1, "first")]).await.expect("an append");
    assert_eq!(fixture.payloads(&output).await, ["first"]);
}

pub(crate) async fn a_commit_that_expects_other_positions_writes_nothing(fixture: Fixture) {
    let output = output(&fixture);
    let mut transactor = fixture.log.transactor(GROUP, &output).await.expect("a transactor");
    transactor.commit(numbered(0..1), &advance(&fixture, None, 5)).await.expect("a commit");
    for expected in [None, Some(4), Some(6)] {
        let result = transactor.commit(numbered(1..3), &advance(&fixture, expected, 9)).await;
        assert!(matches!(result, Err(LogError::Moved)), "{expected:?}: {result:?}");
    }
    assert_eq!(position(&fixture).await, Some(5));
    assert_eq!(fixture.payloads(&output).await, ["0"]);
    transactor.commit(numbered(1..3), &advance(&fixture, Some(5), 9)).await.expect("a commit");
    assert_eq!(fixture.payloads(&output).await, ["0", "1", "2"]);
}

pub(crate) async fn of_commits_that_race_from_the_same_positions_one_succeeds(fixture: Fixture) {
    let outputs = [output(&fixture), format!("{}.elsewhere", fixture.topic)];
    let mut tasks = Vec::new();
    for racer in 0..8 {
        let mut transactor = fixture.log.transactor(GROUP, &outputs[racer % 2]).await.expect("a transactor");
        let advance = advance(&fixture, None, 100 + racer as i64);
        tasks.push(tokio::spawn(async move { transactor.commit(numbered(racer..racer + 1), &advance).await }));
    }
    let mut winners = Vec::new();
    for (racer, task) in tasks.into_iter().enumerate() {
        match task.await.expect("the racing task") {
            Ok(()) => winners.push(racer),
            Err(error) => assert!(matches!(error, LogError::Moved), "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(position(&fixture).await, Some(100 + winners[0] as i64));
    let written = [fixture.payloads(&outputs[0]).await, fixture.payloads(&outputs[1]).await].concat();
    assert_eq!(written, [winners[0].to_string()]);
}

pub(crate) async fn groups_and_topics_have_positions_of_their_own(fixture: Fixture) {
    let output = output(&fixture);
    let mut own = fixture.log.transactor(GROUP, &output).await.expect("a transactor");
    let mut other = fixture.log.transactor("other", &output).await.expect("a transactor");
    own.commit(Vec::new(), &advance(&fixture, None, 5)).await.expect("a commit");
    other.commit(Vec::new(), &advance(&fixture, None, 7)).await.expect("a commit");
    let elsewhere = Advance { topic: "elsewhere".into(), ..advance(&fixture, None, 9) };
    own.commit(Vec::new(), &elsewhere).await.expect("a commit");
    for (group, topic, next) in
        [(GROUP, fixture.topic.as_str(), 5), ("other", &fixture.topic, 7), (GROUP, "elsewhere", 9)]
    {
        assert_eq!(fixture.log.positions(group, topic).await.expect("positions").get(0), Some(next));
    }
}

pub(crate) async fn a_refused_output_leaves_the_positions_as_they_were(fixture: Fixture) {
    let mut transactor = fixture.log.transactor(GROUP, &output(&fixture)).await.expect("a transactor");
    let outputs = vec![record(1, vec![0; fixture.max_record_bytes + 1])];
    let result = transactor.commit(outputs, &advance(&fixture, None, 5)).await;
    assert!(matches!(result, Err(LogError::TooLarge { .. })));
    assert_eq!(position(&fixture).await, None);
    transactor.commit(numbered(0..1), &advance(&fixture, None, 5)).await.expect("a commit");
    assert_eq!(position(&fixture).await, Some(5));
}

pub(crate) async fn a_member_is_told_all_partitions_once(fixture: Fixture) {
    let mut membership = fixture.log.join(GROUP, &fixture.topic).await.expect("a membership");
    let assigned = within(membership.assigned()).await.expect("partitions");
    assert_eq!(assigned, fixture.log.partitions(&fixture.topic).await.expect("partitions"));
    assert!(timeout(Duration::from_millis(30), membership.assigned()).await.is_err());
}
