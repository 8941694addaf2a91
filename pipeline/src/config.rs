//! What can be set about the pipeline.

use std::collections::BTreeMap;

use event::Secret;
use serde::{Deserialize, Serialize};

/// How the log is read and handed to the sinks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where a sink starts that has no stored position in the topic: `earliest`, `latest`, `group` (where the consumer group
    /// stands on the log, else `earliest`), or an ISO 8601 time. When unset: `earliest` in a topic that pageberg made, `latest`
    /// in any other. A stored position always wins; a partition that is added later begins at its first record.
    pub start: Option<Start>,
    /// Offsets to start at, by partition, instead of `start`.
    pub start_offsets: BTreeMap<i32, i64>,
    /// What to do when the log no longer holds a sink's stored position: `stop` that sink and say so, or `skip` to the oldest
    /// record held, counting what is missing. A position in another log of the same name, or after the log's end, always stops
    /// the sink.
    pub on_missing: OnMissing,
    /// Memory for events that wait for the slower sinks; a sink further behind reads the log itself.
    pub ring_bytes: usize,
    /// Size of the stretches in which the log is read and decoded, in bytes.
    pub batch_bytes: usize,
    /// An event whose id came within this many records before it in its partition is left out as a duplicate. Memory:
    /// about 60 bytes each, per partition and reader. With Kafka at least 32,768: so far apart a spool can repeat a record.
    pub duplicate_window_records: usize,
    /// An event received this long after its own time is marked as late, in milliseconds.
    pub late_after_ms: u64,
    /// The longest wait between two attempts at a sink that fails, in milliseconds.
    pub max_retry_wait_ms: u64,
    /// What the sinks store of a visitor's address once its place has been looked up: `full`; `truncated` to its network,
    /// /24 of IPv4 and /48 of IPv6; `hashed`, so that a visitor can be told from others on one day (of the event's time, in
    /// UTC) and not be found again on the next; or `none`. Unless it is `full`, `headers` lose those that hold an address,
    /// and all when they are no JSON object. What is no address is dropped, or hashed. The log keeps what the sender gave:
    /// the raw topic, the spool and the dead letters.
    pub ip_storage: IpStorage,
    /// What makes the hashes of `ip_storage = "hashed"` differ from anybody else's: at least 32 characters, the same for all
    /// workers; `openssl rand -hex 32` makes one. Whoever knows it can find the addresses out.
    pub ip_hash_secret: Option<Secret>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Hashing without a key would be no secret: there are few addresses.
    #[error(
        "ip_hash_secret: ip_storage = \"hashed\" needs a secret of at least {MIN_SECRET_CHARS} characters; `openssl rand -hex 32` makes one"
    )]
    NoSecret,
}

/// What 128 random bits take in hexadecimal digits.
const MIN_SECRET_CHARS: usize = 32;

impl Config {
    /// Whether every value can be used.
    ///
    /// # Errors
    /// The first one that cannot, with its name.
    pub fn check(&self) -> Result<(), ConfigError> {
        let has_secret =
            self.ip_hash_secret.as_ref().is_some_and(|secret| secret.expose().chars().count() >= MIN_SECRET_CHARS);
        if self.ip_storage == IpStorage::Hashed && !has_secret { Err(ConfigError::NoSecret) } else { Ok(()) }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            start: None,
            start_offsets: BTreeMap::new(),
            on_missing: OnMissing::Stop,
            ring_bytes: 32 << 20,
            batch_bytes: 1 << 20,
            duplicate_window_records: 65_536,
            late_after_ms: 15_000,
            max_retry_wait_ms: 10_000,
            ip_storage: IpStorage::Full,
            ip_hash_secret: None,
        }
    }
}

/// Where to start without a stored position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Start {
    /// The oldest record held.
    Earliest,
    /// After the newest record.
    Latest,
    /// Where the consumer group stands on the log; the oldest record held where it stands nowhere.
    Group,
    /// The first record that the log took at this time or later.
    Time(event::Timestamp),
}

impl TryFrom<String> for Start {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            "group" => Ok(Self::Group),
            time => match event::Timestamp::parse(time) {
                Ok(time) => Ok(Self::Time(time)),
                Err(_) => Err(format!("must be earliest, latest, group or an ISO 8601 time, not {text:?}")),
            },
        }
    }
}

impl From<Start> for String {
    fn from(start: Start) -> Self {
        match start {
            Start::Earliest => "earliest".to_owned(),
            Start::Latest => "latest".to_owned(),
            Start::Group => "group".to_owned(),
            Start::Time(time) => time.to_string(),
        }
    }
}

/// What a stored position outside of the log means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMissing {
    /// An operator must look: the sink stops and says so.
    Stop,
    /// Go on with the oldest record held.
    Skip,
}

/// What is stored of a visitor's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpStorage {
    /// All of it.
    Full,
    /// Its network.
    Truncated,
    /// A hash that changes daily.
    Hashed,
    /// Nothing.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashing_needs_a_secret_that_nobody_guesses() {
        let config = |ip_hash_secret: Option<&str>| Config {
            ip_storage: IpStorage::Hashed,
            ip_hash_secret: ip_hash_secret.map(Secret::from),
            ..Config::default()
        };
        for guessable in [None, Some(""), Some("0123456789abcdef")] {
            assert_eq!(config(guessable).check(), Err(ConfigError::NoSecret));
        }
        assert_eq!(config(Some("0123456789abcdef0123456789abcdef")).check(), Ok(()));
        assert_eq!(Config::default().check(), Ok(()));
    }
}
