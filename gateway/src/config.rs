//! What can be configured about the gateway.

use std::net::{Ipv4Addr, SocketAddr};

use axum::http::HeaderValue;
use serde::{Deserialize, Serialize};

/// How events are taken over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port that take events.
    pub listen: SocketAddr,
    /// Largest event, in bytes of its JSON. A larger one is refused; in a batch the others are taken.
    pub max_event_bytes: usize,
    /// Largest body, in bytes, before and after decompression.
    pub max_body_bytes: usize,
    /// Most events in one request.
    pub max_events: usize,
    /// Memory for bodies, what they decompress to and the records made of them, over all requests, in bytes. When it is
    /// used up, requests are answered with 503 and Retry-After.
    pub max_buffered_bytes: usize,
    /// How long a request's headers may take to arrive, and a connection may stay idle, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long a request's body may take to arrive, in milliseconds.
    pub body_timeout_ms: u64,
    /// Most connections at a time; further ones wait to be accepted.
    pub max_connections: usize,
    /// How long requests in flight may take to finish when the gateway stops, in milliseconds.
    pub shutdown_timeout_ms: u64,
    /// Origins whose pages may post events and read the answer, such as `https://example.com`; `*` stands for all.
    pub cors_allowed_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            max_event_bytes: 1 << 20,
            max_body_bytes: 20 << 20,
            max_events: 100_000,
            max_buffered_bytes: 256 << 20,
            header_timeout_ms: 30_000,
            body_timeout_ms: 30_000,
            max_connections: 4_096,
            shutdown_timeout_ms: 30_000,
            cors_allowed_origins: vec!["*".to_owned()],
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A size or a time is zero.
    #[error("{0} must be more than 0")]
    Zero(&'static str),
    /// One limit does not fit into another.
    #[error("{small} must be at most {large}")]
    Exceeds {
        /// The limit that is too large.
        small: &'static str,
        /// The limit that it must fit into.
        large: &'static str,
    },
    /// Not an origin.
    #[error("cors_allowed_origins: {0:?} must be * or an origin such as https://example.com")]
    Origin(String),
}

impl Config {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first setting at fault.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_above_zero()?;
        self.check_order()?;
        self.cors_allowed_origins.iter().try_for_each(|origin| check_origin(origin))
    }

    fn check_above_zero(&self) -> Result<(), ConfigError> {
        let zero = [
            ("max_event_bytes", self.max_event_bytes == 0),
            ("max_events", self.max_events == 0),
            ("header_timeout_ms", self.header_timeout_ms == 0),
            ("body_timeout_ms", self.body_timeout_ms == 0),
            ("max_connections", self.max_connections == 0),
        ];
        zero.iter().find(|(_, is_zero)| *is_zero).map_or(Ok(()), |(name, _)| Err(ConfigError::Zero(name)))
    }

    fn check_order(&self) -> Result<(), ConfigError> {
        if self.max_event_bytes > self.max_body_bytes {
            return Err(ConfigError::Exceeds { small: "max_event_bytes", large: "max_body_bytes" });
        }
        // A compressed body and what it decompresses to are held at the same time.
        if self.max_body_bytes > self.max_buffered_bytes / 2 {
            return Err(ConfigError::Exceeds { small: "max_body_bytes", large: "half of max_buffered_bytes" });
        }
        Ok(())
    }
}

fn check_origin(origin: &str) -> Result<(), ConfigError> {
    let after_scheme = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let is_origin = after_scheme.is_some_and(|host| !host.is_empty() && !host.contains('/'));
    if origin == "*" || (is_origin && HeaderValue::from_str(origin).is_ok()) {
        return Ok(());
    }
    Err(ConfigError::Origin(origin.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_every_fault_names_its_setting() {
        assert_eq!(Config::default().check(), Ok(()));
        let origin = |text: &str| Config { cors_allowed_origins: vec![text.to_owned()], ..Config::default() };
        assert_eq!(origin("https://example.com:8443").check(), Ok(()));
        for (config, fault) in [
            (Config { max_events: 0, ..Config::default() }, "max_events must be more than 0"),
            (Config { max_event_bytes: 1 << 30, ..Config::default() }, "max_event_bytes must be at most"),
            (Config { max_body_bytes: 1 << 30, ..Config::default() }, "max_body_bytes must be at most half"),
            (origin("example.com"), "\"example.com\" must be *"),
            (origin("https://example.com/"), "must be *"),
            (origin("https://exa\nmple.com"), "must be *"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
    }
}
