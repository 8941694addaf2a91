//! What no single value shows: settings that contradict each other.

use sinks::postgres::PostgresSink;

use super::{Config, SinkName};

/// What makes the configuration useless.
pub fn faults(config: &Config) -> Vec<String> {
    [contradictions(config), faults_of_parts(config)].concat()
}

/// What each part finds wrong with its own values.
fn faults_of_parts(config: &Config) -> Vec<String> {
    let told = |part: &str, error: anyhow::Error| format!("{part}{error:#}");
    let gateway = config.gateway.check().err().map(|error| told("gateway.", error.into()));
    let pipeline = config.pipeline.check().err().map(|error| told("pipeline.", error.into()));
    let iceberg = config.iceberg.check(&config.data).err().map(|error| told("iceberg: ", error.into()));
    let postgres = config.postgres.url.as_ref().and_then(|_| PostgresSink::new(&config.postgres, "").err());
    let postgres = postgres.map(|error| told("", error.into()));
    let kafka = config.kafka.brokers.as_ref().and_then(|_| config.kafka.check().err());
    let kafka = kafka.map(|error| told("kafka: ", error.into()));
    let spool = config.spool.check().err().map(|error| told("spool: ", error.into()));
    let geo = config.geo.update.sources(&config.data).err().map(|error| told("geo.update: ", error.into()));
    [gateway, pipeline, iceberg, postgres, kafka, spool, geo].into_iter().flatten().collect()
}

fn contradictions(config: &Config) -> Vec<String> {
    let sinks = config.selected_sinks();
    let kafka = &config.kafka;
    let repeated = sinks.iter().enumerate().any(|(index, sink)| sinks[..index].contains(sink));
    let listens_twice = config.status.listen.port() != 0 && config.status.listen == config.gateway.listen;
    let rest = &config.iceberg.rest;
    let gives_away = !rest.table_config.is_empty()
        && rest.token.is_none()
        && !config.status.listen.ip().to_canonical().is_loopback();
    [
        (sinks.is_empty(), "sinks: name at least one of postgres, kafka, iceberg"),
        (repeated, "sinks: each may be named once"),
        (
            sinks.contains(&SinkName::Postgres) && config.postgres.url.is_none(),
            "sinks: postgres is named but postgres.url is not set (--postgres URL or POSTGRES_URL)",
        ),
        (
            config.iceberg.dead_letters.enabled && !sinks.contains(&SinkName::Iceberg),
            "iceberg.dead_letters.enabled: iceberg is not among the sinks",
        ),
        (config.topics.prefix().is_empty(), "topics.group: must not be empty before its first dot"),
        (
            kafka.key.is_some() != kafka.secret.is_some(),
            "kafka.key and kafka.secret: give both (KAFKA_WEB_TRAFFIC_KEY and KAFKA_WEB_TRAFFIC_SECRET) or neither",
        ),
        (
            kafka.brokers.is_some() && config.pipeline.duplicate_window_records < spool::REPEAT_RECORDS,
            "pipeline.duplicate_window_records: must be at least 32768 with Kafka, as a spool may repeat a record so late",
        ),
        (listens_twice, "status.listen: must not be the address of gateway.listen"),
        (
            gives_away,
            "iceberg.rest.table_config: would be handed to everybody who reaches status.listen; set iceberg.rest.token",
        ),
    ]
    .into_iter()
    .filter(|(is_fault, _)| *is_fault)
    .map(|(_, fault)| fault.to_owned())
    .collect()
}

/// What is worth knowing before the start.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = warnings_of_gateway(&config.gateway);
    if config.sinks.is_none() && config.postgres.url.is_none() {
        warnings.push("postgres is not delivered to: no --postgres URL is given".to_owned());
    }
    let geo_files = config.geo.all_files(&config.data);
    if geo_files.is_empty() {
        warnings.push("visitors get no place, geodata is {}: no --geo FILE is given".to_owned());
    }
    for file in geo_files.iter().filter(|file| !file.exists()) {
        warnings.push(format!("{} does not exist: its places stay unknown until it does", file.display()));
    }
    warnings
}

/// What the whole world could do.
fn warnings_of_gateway(gateway: &gateway::Config) -> Vec<String> {
    let listen = gateway.listen;
    if listen.ip().to_canonical().is_loopback() {
        return Vec::new();
    }
    let takes_all = gateway.sites.is_empty() && gateway.accept_all == Some(true);
    let is_plain = gateway.tls.cert_file.is_none();
    [
        (takes_all, format!("gateway.accept_all: whoever can reach {listen} may record events of any page")),
        (is_plain, format!("gateway.tls: {listen} takes plain HTTP: encrypt it here, or in a proxy before it")),
    ]
    .into_iter()
    .filter_map(|(is_so, warning)| is_so.then_some(warning))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_in_which_a_spool_can_repeat_a_record_is_demanded_with_kafka_alone() {
        let mut config = Config::default();
        config.pipeline.duplicate_window_records = spool::REPEAT_RECORDS - 1;
        let finds = |config: &Config| faults(config).iter().any(|fault| fault.contains("duplicate_window_records"));
        assert!(!finds(&config));
        config.kafka.brokers = Some("localhost:9092".to_owned());
        assert!(finds(&config));
        config.pipeline.duplicate_window_records += 1;
        assert!(!finds(&config));
        assert_eq!(spool::REPEAT_RECORDS, 32_768, "as the sentence says");
    }
}
