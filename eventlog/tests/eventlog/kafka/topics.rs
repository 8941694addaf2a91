//! How topics come into being.

use event::Timestamp;
use eventlog::kafka::Config;
use eventlog::{EventLog, LogError};

use crate::kafka::fixture::{config, connect, record, unique, within};
use testkit::kafka_console::{create_topic, delete_topic};
use testkit::services::kafka;

#[tokio::test]
async fn a_topic_is_made_with_the_configured_partitions_when_many_first_name_it_at_once() {
    let broker = kafka::shared();
    let logs = [(); 2].map(|()| connect(&Config { topic_partitions: 7, ..config(broker.address()) }));
    let topic = unique("made");
    let appends = (0..20).map(|n| logs[n % 2].append(&topic, vec![record("a", "x")]));
    for appended in within(futures::future::join_all(appends)).await {
        appended.unwrap();
    }
    assert_eq!(logs[0].partitions(&topic).await.unwrap(), [0, 1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_topic_is_not_made_where_that_is_not_allowed_but_used_once_it_is_there() {
    let broker = kafka::shared();
    let log = connect(&Config { create_topics: false, ..config(broker.address()) });
    let topic = unique("absent");
    let refused = log.append(&topic, vec![record("a", "x")]).await;
    assert!(matches!(refused, Err(LogError::UnknownTopic(name)) if name == topic));
    assert!(matches!(log.reader(&topic).await.map(drop), Err(LogError::UnknownTopic(_))));
    create_topic(broker.address(), &topic, 1, &[]).await;
    assert_eq!(log.append(&topic, vec![record("a", "x")]).await.unwrap(), [(0, 0)]);
}

#[tokio::test]
async fn a_topic_that_was_deleted_is_made_again() {
    let broker = kafka::shared();
    let log = connect(&config(broker.address()));
    let topic = unique("deleted");
    log.append(&topic, vec![record("a", "x")]).await.unwrap();
    delete_topic(broker.address(), &topic).await;
    let appended = async {
        loop {
            match log.append(&topic, vec![record("a", "y")]).await {
                Ok(places) => break places,
                Err(error) => assert!(matches!(error, LogError::Unavailable { .. }), "{error}"),
            }
        }
    };
    assert_eq!(within(appended).await[0].1, 0);
}

#[tokio::test]
async fn partitions_added_later_are_seen() {
    let broker = kafka::shared();
    let (log, topic) = (connect(&config(broker.address())), unique("growing"));
    create_topic(broker.address(), &topic, 1, &[]).await;
    assert_eq!(log.partitions(&topic).await.unwrap(), [0]);
    testkit::kafka_console::add_partitions(broker.address(), &topic, 3).await;
    let grown = async { while log.partitions(&topic).await.unwrap() != [0, 1, 2] {} };
    within(grown).await;
}

/// A broker may be the last one to learn of a topic or of a partition, which must end no process.
#[tokio::test]
async fn what_brokers_do_not_list_yet_is_asked_for_again() {
    let broker = kafka::shared();
    let (log, topic) = (connect(&Config { create_topics: false, ..config(broker.address()) }), unique("late"));
    create_topic(broker.address(), &topic, 1, &[]).await;
    log.append(&topic, vec![record("a", "x")]).await.unwrap();
    assert!(log.bounds(&topic, 1).await.unwrap_err().is_retriable());
    assert!(log.offset_for_time(&topic, 1, Timestamp::now()).await.unwrap_err().is_retriable());
    delete_topic(broker.address(), &topic).await;
    let gone = async { while log.bounds(&topic, 0).await.is_ok() {} };
    within(gone).await;
    for error in [log.partitions(&topic).await.unwrap_err(), log.bounds(&topic, 0).await.unwrap_err()] {
        assert!(error.is_retriable(), "{error}");
    }
}
