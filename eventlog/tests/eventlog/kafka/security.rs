//! Secured connections to a real broker's listeners.

use std::time::Duration;

use event::Secret;
use eventlog::kafka::{Config, KafkaLog, SaslMechanism};
use eventlog::{EventLog, LogError};

use crate::kafka::fixture::{assigned, connect, reader_from_the_start, record, text, within};
use testkit::services::kafka::{self, CLIENT_KEY_PASSWORD, SASL_PASSWORD, SASL_USER, SharedKafka};

/// The settings of the lab: a key and a secret.
fn sasl(broker: &SharedKafka) -> Config {
    Config {
        brokers: Some(broker.sasl_address().to_owned()),
        key: Some(SASL_USER.to_owned()),
        secret: Some(Secret::from(SASL_PASSWORD)),
        ca_file: Some(broker.tls_file("ca.pem")),
        request_timeout_ms: 5_000,
        ..Config::default()
    }
}

fn mutual_tls(broker: &SharedKafka) -> Config {
    Config {
        brokers: Some(broker.mutual_tls_address().to_owned()),
        ca_file: Some(broker.tls_file("ca.pem")),
        client_cert_file: Some(broker.tls_file("client.pem")),
        client_key_file: Some(broker.tls_file("client.key")),
        client_key_password: Some(Secret::from(CLIENT_KEY_PASSWORD)),
        request_timeout_ms: 5_000,
        ..Config::default()
    }
}

/// Uses every kind of client there is.
async fn works(config: &Config, topic: &str) {
    let log = connect(config);
    log.append(topic, vec![record("a", "secured")]).await.unwrap();
    let mut reader = reader_from_the_start(&log, topic).await;
    assert_eq!(text(&within(reader.next(1)).await.unwrap()[0]), "secured");
    let mut member = log.join(topic, topic).await.unwrap();
    assigned(&mut member, &[0, 1, 2, 3]).await;
    let mut transactor = log.transactor(topic, &format!("{topic}.out")).await.unwrap();
    transactor.commit(vec![record("a", "b")], &crate::kafka::fixture::advance(topic, None, 1)).await.unwrap();
    assert_eq!(log.positions(topic, topic).await.unwrap().get(0), Some(1));
}

async fn is_refused(config: Config) {
    let log: std::sync::Arc<KafkaLog> = connect(&Config { request_timeout_ms: 1_000, ..config });
    let result = within(log.append("refused", vec![record("a", "x")])).await;
    assert!(matches!(result, Err(LogError::Unavailable { .. })), "{result:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secured_listeners_take_who_is_right_and_refuse_who_is_not() {
    let broker = kafka::shared();
    works(&sasl(broker), "plain").await;
    for (mechanism, topic) in [(SaslMechanism::ScramSha256, "scram256"), (SaslMechanism::ScramSha512, "scram512")] {
        works(&Config { sasl_mechanism: mechanism, ..sasl(broker) }, topic).await;
    }
    works(&mutual_tls(broker), "mutual").await;

    for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
        let secret = Some(Secret::from("wrong"));
        is_refused(Config { secret, sasl_mechanism: mechanism, ..sasl(broker) }).await;
    }
    let stranger = |name| Some(broker.tls_file(name));
    is_refused(Config {
        client_cert_file: stranger("stranger.pem"),
        client_key_file: stranger("stranger.key"),
        ..mutual_tls(broker)
    })
    .await;
    is_refused(Config { client_cert_file: None, client_key_file: None, ..mutual_tls(broker) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_cannot_be_checked_is_refused_unless_checks_are_off_by_name() {
    let broker = kafka::shared();
    let by_a_stranger = Config { ca_file: Some(broker.tls_file("stranger.pem")), ..sasl(broker) };
    is_refused(by_a_stranger.clone()).await;
    is_refused(Config { ca_file: None, ..sasl(broker) }).await;
    let of_another_host =
        Config { brokers: Some(broker.sasl_address().replace("127.0.0.1", "localhost")), ..sasl(broker) };
    is_refused(of_another_host.clone()).await;

    works(&Config { insecure_skip_verify: true, ..by_a_stranger }, "unchecked").await;
    works(&Config { insecure_skip_verify: true, ..of_another_host }, "unchecked_host").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_read_are_a_misconfiguration_told_without_the_secrets() {
    let config = Config {
        brokers: Some("127.0.0.1:1".to_owned()),
        key: Some("user".to_owned()),
        secret: Some(Secret::from("hunter2")),
        ca_file: Some("/nowhere/ca.pem".into()),
        ..Config::default()
    };
    let error = KafkaLog::connect(&config).map(drop).unwrap_err();
    assert!(matches!(&error, LogError::Misconfigured(reason) if reason.contains("/nowhere/ca.pem")), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
    let started = std::time::Instant::now();
    let unreachable = Config { ca_file: None, request_timeout_ms: 300, ..config };
    connect(&unreachable).close(Duration::from_secs(1)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
}
