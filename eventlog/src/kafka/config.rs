//! What can be set about Kafka.

use std::fs::File;
use std::path::PathBuf;

use event::Secret;
use serde::{Deserialize, Serialize};

use crate::LogError;

/// Where the cluster is, how it is reached and how records go there and back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Bootstrap servers, `host:port` separated by commas.
    pub brokers: Option<String>,
    /// User of SASL; with `secret`.
    pub key: Option<String>,
    /// Password of SASL; with `key`.
    pub secret: Option<Secret>,
    /// How connections are secured. When unset: `sasl_ssl` with `key` and `secret`, `ssl` with a `ca_file` or a client
    /// certificate, else `plaintext`.
    pub security: Option<Security>,
    /// How `key` and `secret` are proven.
    pub sasl_mechanism: SaslMechanism,
    /// PEM file of the authorities that the brokers' certificates are checked against; when unset the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of this client's certificate; with `client_key_file`.
    pub client_cert_file: Option<PathBuf>,
    /// PEM file of this client's private key; with `client_cert_file`.
    pub client_key_file: Option<PathBuf>,
    /// Password of the private key, if it has one.
    pub client_key_password: Option<Secret>,
    /// Takes any certificate from any host: whoever sits between can read and change everything.
    pub insecure_skip_verify: bool,
    /// Time that a record waits for others to be sent with it. Of a partition only one batch is on its way at a time, and
    /// when the next has waited long enough before that is acknowledged, the client's thread spins until it is: a time
    /// well below that of an acknowledgement costs up to a core under load.
    pub linger_ms: u32,
    /// How batches are compressed.
    pub compression: Compression,
    /// Largest batch of several records. Where a topic's `max.message.bytes` is lower, batches are smaller.
    pub batch_bytes: u32,
    /// Size of the largest record taken, and the `max.message.bytes` of topics made here. An existing topic that takes
    /// less sets its own limit.
    pub max_record_bytes: usize,
    /// Records that may wait for the brokers' acknowledgement; more are refused as busy.
    pub max_queue_records: usize,
    /// Payload bytes that may wait for the brokers' acknowledgement; more is refused as busy.
    pub max_queue_bytes: usize,
    /// Time after which an append that the brokers have not acknowledged is given up as unavailable.
    pub delivery_timeout_ms: u32,
    /// Time after which a question to the brokers (metadata, offsets, a new topic) is given up as unavailable.
    pub request_timeout_ms: u32,
    /// Time after which the brokers abort a transaction whose worker was killed. Until then, readers of its output and
    /// those who ask for its group's positions wait. Also the time limit of each step of a commit.
    pub transaction_timeout_ms: u32,
    /// Time after which a worker that is silent loses its partitions to others.
    pub session_timeout_ms: u32,
    /// Pause of a reader whose queue is full before it fetches on.
    pub fetch_queue_backoff_ms: u32,
    /// Size of the records that each reader fetches ahead.
    pub fetch_queue_bytes: usize,
    /// How much is fetched of a partition at once, as it is compressed; of a larger batch of records all.
    pub fetch_bytes: u32,
    /// Whether topics are made when they are first named.
    pub create_topics: bool,
    /// Partitions of topics made here.
    pub topic_partitions: i32,
    /// Replicas of topics made here; when unset the cluster's default.
    pub topic_replication: Option<i32>,
    /// Age at which records of topics made here are removed; 0 keeps them for ever.
    pub topic_retention_hours: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: None,
            key: None,
            secret: None,
            security: None,
            sasl_mechanism: SaslMechanism::Plain,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            client_key_password: None,
            insecure_skip_verify: false,
            linger_ms: 3,
            compression: Compression::Lz4,
            batch_bytes: 1_000_000,
            max_record_bytes: 4 << 20,
            max_queue_records: 100_000,
            max_queue_bytes: 64 << 20,
            delivery_timeout_ms: 10_000,
            request_timeout_ms: 5_000,
            transaction_timeout_ms: 10_000,
            session_timeout_ms: 10_000,
            fetch_queue_backoff_ms: 10,
            fetch_queue_bytes: 8 << 20,
            fetch_bytes: 256 << 10,
            create_topics: true,
            topic_partitions: 4,
            topic_replication: None,
            topic_retention_hours: 7 * 24,
        }
    }
}

/// How connections are secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL over TLS.
    SaslSsl,
}

/// How a user and password are proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaslMechanism {
    /// Sent as they are.
    Plain,
    /// Salted challenge and response with SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// Salted challenge and response with SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4: fast.
    Lz4,
    /// Zstandard: smaller.
    Zstd,
}

impl Config {
    /// What secures the connections, chosen or implied.
    pub fn security(&self) -> Security {
        match self.security {
            Some(security) => security,
            None if self.key.is_some() => Security::SaslSsl,
            None if self.ca_file.is_some() || self.client_cert_file.is_some() => Security::Ssl,
            None => Security::Plaintext,
        }
    }

    /// Looks at what can be judged without the cluster, the files included.
    ///
    /// # Errors
    /// `Misconfigured`.
    pub fn check(&self) -> Result<(), LogError> {
        let sasl = matches!(self.security(), Security::SaslPlaintext | Security::SaslSsl);
        let faults = [
            (self.brokers.as_ref().is_none_or(|brokers| brokers.trim().is_empty()), "brokers must name a server"),
            (self.key.is_some() != self.secret.is_some(), "key and secret: give both or neither"),
            (sasl && self.key.is_none(), "SASL needs key and secret"),
            (!sasl && self.key.is_some(), "key and secret need a security of sasl_ssl or sasl_plaintext"),
            (
                self.client_cert_file.is_some() != self.client_key_file.is_some(),
                "client_cert_file and client_key_file: give both or neither",
            ),
            (self.max_queue_records == 0, "max_queue_records must be at least 1"),
            (self.max_queue_bytes < self.max_record_bytes, "max_queue_bytes must be at least max_record_bytes"),
            (self.topic_partitions < 1, "topic_partitions must be at least 1"),
            (self.topic_replication.is_some_and(|replicas| replicas < 1), "topic_replication must be at least 1"),
        ];
        match faults.iter().find(|(wrong, _)| *wrong) {
            Some((_, fault)) => Err(LogError::Misconfigured((*fault).to_owned())),
            None => self.check_files(),
        }
    }

    fn check_files(&self) -> Result<(), LogError> {
        let files = [
            ("ca_file", &self.ca_file),
            ("client_cert_file", &self.client_cert_file),
            ("client_key_file", &self.client_key_file),
        ];
        for (setting, file) in files {
            if let Some(file) = file {
                File::open(file)
                    .map_err(|error| LogError::Misconfigured(format!("{setting} {}: {error}", file.display())))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Config {
        Config { brokers: Some("localhost:9092".to_owned()), ..Config::default() }
    }

    #[test]
    fn a_key_and_secret_alone_mean_sasl_over_tls() {
        let text = r#"{"brokers":"b:9092","key":"user","secret":"hunter2"}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!((config.security(), config.sasl_mechanism), (Security::SaslSsl, SaslMechanism::Plain));
        assert!(config.check().is_ok());
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn every_name_of_a_setting_is_the_documented_one() {
        let text = r#"{"security":"sasl_plaintext","sasl_mechanism":"scram-sha-512","compression":"zstd"}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(config.security, Some(Security::SaslPlaintext));
        assert_eq!((config.sasl_mechanism, config.compression), (SaslMechanism::ScramSha512, Compression::Zstd));
        assert!(serde_json::from_str::<Config>(r#"{"acks":"1"}"#).is_err());
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_reached() {
        assert!(local().check().is_ok());
        for (config, fault) in [
            (Config::default(), "brokers"),
            (Config { key: Some("user".to_owned()), ..local() }, "key and secret"),
            (Config { security: Some(Security::SaslSsl), ..local() }, "SASL needs"),
            (Config { client_cert_file: Some("c.pem".into()), ..local() }, "client_cert_file"),
            (Config { max_queue_bytes: 1, ..local() }, "max_queue_bytes"),
            (Config { topic_partitions: 0, ..local() }, "topic_partitions"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
    }
}
