//! Data that the brokers have removed.

use eventlog::{EventLog, LogError};

use crate::kafka::fixture::{record, shared, text, within};
use testkit::kafka_console::{create_topic, delete_records};
use testkit::services::kafka;

#[tokio::test]
async fn a_position_whose_records_were_deleted_is_refused_with_what_is_held() {
    let (log, topic) = shared();
    let address = kafka::shared().address();
    create_topic(address, &topic, 1, &[]).await;
    log.append(&topic, (0..10).map(|n| record("a", n.to_string())).collect()).await.unwrap();
    delete_records(address, &topic, 0, 6).await;
    assert_eq!(log.bounds(&topic, 0).await.unwrap(), 6..10);
    let mut reader = log.reader(&topic).await.unwrap();
    reader.assign(&[(0, 2)].into_iter().collect()).await.unwrap();
    for _ in 0..2 {
        let error = within(reader.next(1)).await.unwrap_err();
        let LogError::OutOfRange { partition: 0, requested: 2, held } = error else { panic!("{error}") };
        assert_eq!(held, 6..10);
    }
    reader.assign(&[(0, 6)].into_iter().collect()).await.unwrap();
    assert_eq!(text(&within(reader.next(1)).await.unwrap()[0]), "6");
}

#[tokio::test]
async fn records_deleted_ahead_of_a_reader_are_noticed_and_those_before_still_given_out() {
    let (log, topic) = shared();
    let address = kafka::shared().address();
    create_topic(address, &topic, 1, &[]).await;
    log.append(&topic, (0..5).map(|n| record("a", n.to_string())).collect()).await.unwrap();
    let mut reader = log.reader(&topic).await.unwrap();
    reader.assign(&[(0, 0)].into_iter().collect()).await.unwrap();
    let mut next = 0;
    while next < 5 {
        next += within(reader.next(1)).await.unwrap().len() as i64;
    }
    drop(reader);
    log.append(&topic, (5..10).map(|n| record("a", n.to_string())).collect()).await.unwrap();
    delete_records(address, &topic, 0, 8).await;
    let mut reader = log.reader(&topic).await.unwrap();
    reader.assign(&[(0, next)].into_iter().collect()).await.unwrap();
    let error = within(reader.next(1 << 20)).await.unwrap_err();
    assert!(matches!(error, LogError::OutOfRange { requested: 5, held, .. } if held == (8..10)));
}
