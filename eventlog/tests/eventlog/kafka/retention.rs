//! Data that the brokers have removed, or that is damaged.

use std::fs;

use eventlog::{EventLog, LogError};

use crate::kafka::fixture::{config, connect, record, shared, text, within};
use testkit::kafka_console::{create_topic, delete_records};
use testkit::services::kafka::{self, OwnKafka};

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

/// librdkafka would go on behind it, or ask for it again and again without a word.
#[tokio::test]
async fn a_batch_that_does_not_hold_its_checksum_is_told_until_the_reader_is_set_anew() {
    let broker = OwnKafka::start();
    let log = connect(&config(broker.address()));
    create_topic(broker.address(), "damaged", 1, &[]).await;
    for n in 0..3 {
        log.append("damaged", vec![record("a", format!("the payload {n}"))]).await.unwrap();
    }
    let file = broker.partition_folder("damaged", 0).join("00000000000000000000.log");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(13).position(|window| window == b"the payload 1").unwrap();
    bytes[at] ^= 1;
    // In its place: the broker has the file open.
    std::os::unix::fs::FileExt::write_all_at(&fs::OpenOptions::new().write(true).open(&file).unwrap(), &bytes, 0)
        .unwrap();
    let mut reader = log.reader("damaged").await.unwrap();
    reader.assign(&[(0, 0)].into_iter().collect()).await.unwrap();
    let mut read = Vec::new();
    let error = loop {
        match within(reader.next(1)).await {
            Ok(records) => read.extend(records.iter().map(text)),
            Err(error) => break error,
        }
    };
    assert!(error.is_retriable(), "{error}");
    assert!(within(reader.next(1)).await.is_err(), "nothing is skipped");
    assert_eq!(read, ["the payload 0"]);
    reader.assign(&[(0, 2)].into_iter().collect()).await.unwrap();
    assert_eq!(text(&within(reader.next(1)).await.unwrap()[0]), "the payload 2");
}
