//! How members of a group share a topic.

use std::collections::BTreeSet;
use std::time::Duration;

use eventlog::{EventLog, LogError};
use tokio::time::timeout;

use crate::kafka::fixture::{advance, assigned, config, connect, record, shared, unique, within};
use testkit::kafka_console::{add_partitions, create_topic};
use testkit::services::kafka;

#[tokio::test]
async fn two_members_own_every_partition_exactly_once_and_one_alone_owns_all() {
    let (first_log, topic) = shared();
    let second_log = connect(&config(kafka::shared().address()));
    let group = unique("workers");
    let mut first = first_log.join(&group, &topic).await.unwrap();
    assigned(&mut first, &[0, 1, 2, 3]).await;
    let mut second = second_log.join(&group, &topic).await.unwrap();
    let (mut of_first, mut of_second) = (vec![0, 1, 2, 3], Vec::new());
    let shared_out = async {
        while of_first.len() != 2 || of_second.len() != 2 {
            tokio::select! {
                change = first.assigned() => of_first = change.unwrap(),
                change = second.assigned() => of_second = change.unwrap(),
            }
        }
    };
    within(shared_out).await;
    let mut all = [of_first, of_second].concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
    drop(first);
    assigned(&mut second, &[0, 1, 2, 3]).await;
}

#[tokio::test]
async fn a_member_keeps_the_partitions_that_another_does_not_take() {
    let (first_log, topic) = shared();
    let second_log = connect(&config(kafka::shared().address()));
    let group = unique("workers");
    let mut first = first_log.join(&group, &topic).await.unwrap();
    assigned(&mut first, &[0, 1, 2, 3]).await;
    let _second = second_log.join(&group, &topic).await.unwrap();
    let change = within(first.assigned()).await.unwrap();
    assert_eq!(change.len(), 2, "half is given up in one step, and never all");
}

#[tokio::test]
async fn a_member_commits_for_its_own_partitions_alone() {
    let (log, topic) = shared();
    let (group, output) = (unique("workers"), format!("{topic}.out"));
    let mut member = log.join(&group, &topic).await.unwrap();
    let mut transactor = log.transactor(&group, &output).await.unwrap();
    assigned(&mut member, &[0, 1, 2, 3]).await;
    transactor.commit(vec![record("a", "1")], &advance(&topic, None, 1)).await.unwrap();
    drop(member);
    log.close(crate::kafka::fixture::DEADLINE).await;
    let late = transactor.commit(vec![record("a", "2")], &advance(&topic, Some(1), 2)).await;
    assert!(matches!(late, Err(LogError::Moved)), "{late:?}");
    assert_eq!(log.positions(&group, &topic).await.unwrap().get(0), Some(1));
}

#[tokio::test]
async fn a_new_member_goes_on_where_the_group_stands() {
    let (log, topic) = shared();
    let (group, output) = (unique("workers"), format!("{topic}.out"));
    let mut member = log.join(&group, &topic).await.unwrap();
    assigned(&mut member, &[0, 1, 2, 3]).await;
    let mut transactor = log.transactor(&group, &output).await.unwrap();
    transactor.commit(vec![record("a", "1")], &advance(&topic, None, 7)).await.unwrap();
    drop((member, transactor));
    let next_log = connect(&config(kafka::shared().address()));
    let mut member = next_log.join(&group, &topic).await.unwrap();
    assigned(&mut member, &[0, 1, 2, 3]).await;
    assert_eq!(next_log.positions(&group, &topic).await.unwrap().get(0), Some(7));
    let mut transactor = next_log.transactor(&group, &output).await.unwrap();
    transactor.commit(vec![record("a", "2")], &advance(&topic, Some(7), 9)).await.unwrap();
}

#[tokio::test]
async fn after_a_rebalance_the_owner_of_a_partition_commits_for_it_and_the_other_member_cannot() {
    let logs = [shared().0, connect(&config(kafka::shared().address()))];
    let (group, topic) = (unique("workers"), unique("page_views"));
    let mut members = vec![logs[0].join(&group, &topic).await.unwrap()];
    assigned(&mut members[0], &[0, 1, 2, 3]).await;
    let mut transactors = Vec::new();
    for log in &logs {
        transactors.push(log.transactor(&group, &format!("{topic}.out")).await.unwrap());
    }
    transactors[0].commit(Vec::new(), &advance(&topic, None, 1)).await.unwrap();
    members.push(logs[1].join(&group, &topic).await.unwrap());
    let kept = within(members[0].assigned()).await.unwrap();
    let taken = async { while within(members[1].assigned()).await.unwrap().len() != 2 {} };
    taken.await;
    let (owner, other) = if kept.contains(&0) { (0, 1) } else { (1, 0) };
    let refused = transactors[other].commit(Vec::new(), &advance(&topic, Some(1), 9)).await;
    assert!(matches!(refused, Err(LogError::Moved)), "{refused:?}");
    let goes_on = async {
        // Refused while the group has a generation that the owner has not been told of yet.
        while let Err(error) = transactors[owner].commit(Vec::new(), &advance(&topic, Some(1), 2)).await {
            assert!(matches!(error, LogError::Moved), "{error}");
        }
    };
    within(goes_on).await;
    assert_eq!(logs[0].positions(&group, &topic).await.unwrap().get(0), Some(2));
}

/// The default of librdkafka is to look every five minutes.
#[tokio::test]
async fn a_member_gets_partitions_that_are_added_within_seconds() {
    let (log, topic) = shared();
    let address = kafka::shared().address();
    create_topic(address, &topic, 2, &[]).await;
    let mut member = log.join(&unique("workers"), &topic).await.unwrap();
    assigned(&mut member, &[0, 1]).await;
    add_partitions(address, &topic, 4).await;
    let grown = assigned(&mut member, &[0, 1, 2, 3]);
    timeout(Duration::from_secs(30), grown).await.expect("within seconds");
    // Its producer writes to them as soon.
    let all_written = async {
        let mut written = BTreeSet::new();
        while written.len() < 4 {
            let records = (0..100).map(|n| record(&n.to_string(), "x")).collect();
            let positions = log.append(&topic, records).await.unwrap();
            written.extend(positions.into_iter().map(|(partition, _)| partition));
        }
    };
    timeout(Duration::from_secs(30), all_written).await.expect("within seconds");
}
