//! From our settings to librdkafka's, for each kind of client.

use std::ops::Deref;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::{ClientConfig, ClientContext};

use super::config::{Compression, Config, SaslMechanism, Security};
use super::context::Context;
use super::errors;
use crate::LogError;

/// What a record needs besides its payload: frame, key and headers.
pub(super) const RECORD_OVERHEAD_BYTES: usize = 1024;

/// What librdkafka needs for a record in its queue, besides the record.
const QUEUED_RECORD_BYTES: usize = 512;

/// librdkafka reads records only through a consumer with a group. Nothing is ever committed to this one.
const READER_GROUP: &str = "pageberg-reader";
const STATISTICS_INTERVAL_MS: u32 = 5_000;
/// Every client looks for new partitions and leaders as often.
const METADATA_INTERVAL_MS: u32 = 5_000;
const SECRET_PARAMETERS: [&str; 2] = ["sasl.password", "ssl.key.password"];

/// Makes the settings of every kind of client.
#[derive(Clone)]
pub(super) struct Clients {
    config: Config,
}

impl Clients {
    pub(super) fn new(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.config.request_timeout_ms.into())
    }

    pub(super) fn transaction_timeout(&self) -> Duration {
        Duration::from_millis(self.config.transaction_timeout_ms.into())
    }

    /// The producer of appends.
    pub(super) fn producer(&self, batch_bytes: usize) -> ClientConfig {
        let mut client = self.any_producer(batch_bytes);
        client.set("message.timeout.ms", self.config.delivery_timeout_ms.to_string());
        client.set("linger.ms", self.config.linger_ms.to_string());
        client.set("statistics.interval.ms", STATISTICS_INTERVAL_MS.to_string());
        client
    }

    /// The producer of one transactor, whose batches are of `limit` bytes at most. Its id names no worker: several write for
    /// one group at the same time.
    pub(super) fn transactional(&self, id: &str, limit: usize) -> ClientConfig {
        let mut client = self.any_producer(limit.min(self.config.batch_bytes as usize));
        client.set("transactional.id", id);
        client.set("transaction.timeout.ms", self.config.transaction_timeout_ms.to_string());
        client.set("message.timeout.ms", self.config.transaction_timeout_ms.to_string());
        // The commit tells whether all records were delivered: a report of each would be for nobody.
        client.set("delivery.report.only.error", "true");
        client
    }

    fn any_producer(&self, batch_bytes: usize) -> ClientConfig {
        let mut client = self.any();
        let compression = match self.config.compression {
            Compression::None => "none",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        };
        client.set("enable.idempotence", "true");
        client.set("acks", "all");
        client.set("compression.type", compression);
        client.set("batch.size", batch_bytes.to_string());
        client.set("message.max.bytes", (self.config.max_record_bytes + RECORD_OVERHEAD_BYTES).to_string());
        // As Java clients do, so that all producers agree on the partition of a key.
        client.set("partitioner", "murmur2_random");
        // What waits is bounded before it comes here.
        client.set("queue.buffering.max.messages", "0");
        client.set("queue.buffering.max.kbytes", i32::MAX.to_string());
        client
    }

    /// Reads the partitions that it is told to.
    pub(super) fn reader(&self) -> ClientConfig {
        let mut client = self.any_consumer();
        client.set("group.id", READER_GROUP);
        client.set("auto.offset.reset", "error");
        client.set("fetch.queue.backoff.ms", self.config.fetch_queue_backoff_ms.to_string());
        client.set("queued.max.messages.kbytes", self.config.fetch_queue_bytes.div_ceil(1024).to_string());
        client.set("queued.min.messages", (self.config.fetch_queue_bytes / QUEUED_RECORD_BYTES).max(1).to_string());
        client.set("fetch.message.max.bytes", self.config.fetch_bytes.to_string());
        client.set("check.crcs", "true");
        client
    }

    /// A member of a group, which reads nothing.
    pub(super) fn member(&self, group: &str) -> ClientConfig {
        let mut client = self.offsets(group);
        client.set("partition.assignment.strategy", "cooperative-sticky");
        client.set("session.timeout.ms", self.config.session_timeout_ms.to_string());
        client.set("heartbeat.interval.ms", (self.config.session_timeout_ms / 5).max(1).to_string());
        client
    }

    /// Asks for the positions of a group.
    pub(super) fn offsets(&self, group: &str) -> ClientConfig {
        let mut client = self.any_consumer();
        client.set("group.id", group);
        client
    }

    /// Asks for metadata and offsets. Consumers, unlike producers, do not let the brokers make topics by the way.
    pub(super) fn any_consumer(&self) -> ClientConfig {
        let mut client = self.any();
        client.set("isolation.level", "read_committed");
        client.set("enable.auto.commit", "false");
        client.set("enable.auto.offset.store", "false");
        client.set("allow.auto.create.topics", "false");
        client
    }

    /// What all clients have in common, and all that the one for administration needs.
    pub(super) fn any(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set_log_level(RDKafkaLogLevel::Info);
        client.set("bootstrap.servers", self.config.brokers.as_deref().unwrap_or_default());
        client.set("client.id", "pageberg");
        client.set("socket.keepalive.enable", "true");
        client.set("socket.nagle.disable", "true");
        client.set("reconnect.backoff.ms", "50");
        // With librdkafka's 10 s, the first record after an outage times out.
        client.set("reconnect.backoff.max.ms", "500");
        client.set("retry.backoff.ms", "20");
        // Partitions that are added are noticed within as much: a producer writes to them, a group shares them out.
        client.set("topic.metadata.refresh.interval.ms", METADATA_INTERVAL_MS.to_string());
        self.secure(&mut client);
        client
    }

    fn secure(&self, client: &mut ClientConfig) {
        let config = &self.config;
        let (protocol, tls, sasl) = match config.security() {
            Security::Plaintext => ("plaintext", false, false),
            Security::Ssl => ("ssl", true, false),
            Security::SaslPlaintext => ("sasl_plaintext", false, true),
            Security::SaslSsl => ("sasl_ssl", true, true),
        };
        client.set("security.protocol", protocol);
        if sasl {
            let mechanism = match config.sasl_mechanism {
                SaslMechanism::Plain => "PLAIN",
                SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
                SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            client.set("sasl.mechanism", mechanism);
            client.set("sasl.username", config.key.as_deref().unwrap_or_default());
            client.set("sasl.password", config.secret.as_ref().map_or("", |secret| secret.expose()));
        }
        if tls {
            self.encrypt(client);
        }
    }

    fn encrypt(&self, client: &mut ClientConfig) {
        let config = &self.config;
        // `probe`: the OpenSSL in this binary does not know where the system keeps its authorities.
        client.set("ssl.ca.location", config.ca_file.as_deref().map_or("probe".into(), Path::to_string_lossy));
        client.set("enable.ssl.certificate.verification", (!config.insecure_skip_verify).to_string());
        client.set("ssl.endpoint.identification.algorithm", if config.insecure_skip_verify { "none" } else { "https" });
        if let (Some(certificate), Some(key)) = (&config.client_cert_file, &config.client_key_file) {
            client.set("ssl.certificate.location", certificate.to_string_lossy());
            client.set("ssl.key.location", key.to_string_lossy());
        }
        if let Some(password) = &config.client_key_password {
            client.set("ssl.key.password", password.expose());
        }
    }
}

/// Makes a client; that does not reach the brokers yet.
pub(super) fn create<X: ClientContext + From<Context>, C: FromClientConfigAndContext<X>>(
    config: &ClientConfig,
    role: &'static str,
) -> Result<C, LogError> {
    let context = Context::new(role).into();
    config.create_with_context(context).map_err(|error| errors::of_creation(&error, &SECRET_PARAMETERS))
}

/// A client that may be dropped on any thread: it is let go of on one of its own, as it waits for its threads, and a member
/// for its group.
pub(super) struct Retiring<C: Send + 'static>(Option<C>);

impl<C: Send + 'static> From<C> for Retiring<C> {
    fn from(client: C) -> Self {
        Self(Some(client))
    }
}

impl<C: Send + 'static> Deref for Retiring<C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<C: Send + 'static> Drop for Retiring<C> {
    fn drop(&mut self) {
        let client = self.0.take();
        if let Err(error) = thread::Builder::new().name("kafka-retire".to_owned()).spawn(move || drop(client)) {
            tracing::warn!(%error, "failed to start the thread that closes a Kafka client");
        }
    }
}
