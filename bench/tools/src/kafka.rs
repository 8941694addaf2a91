//! Settings of the Kafka clients, as measured to be the best.

use rdkafka::ClientConfig;

/// A producer whose records are durable when they are acknowledged, for few records at a time.
pub fn durable_producer(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("acks", "all").set("enable.idempotence", "true");
    config.set("compression.type", "lz4").set("linger.ms", "1");
    config
}

/// A producer that fills a topic.
pub fn bulk_producer(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("acks", "all").set("enable.idempotence", "true");
    config.set("compression.type", "lz4").set("linger.ms", "20").set("batch.size", "262144");
    config.set("queue.buffering.max.messages", "200000");
    config
}

/// A consumer of what is committed, outside of any group.
pub fn consumer(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "bench").set("enable.auto.commit", "false");
    config.set("isolation.level", "read_committed").set("fetch.queue.backoff.ms", "10");
    config.set("enable.partition.eof", "true");
    config
}
