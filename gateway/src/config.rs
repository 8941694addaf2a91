//! What can be configured about the gateway.

use std::net::{Ipv4Addr, SocketAddr};

use axum::http::HeaderName;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::admission::{FieldLimits, Network, Rate, Site, SitesError, check_sites, deserialize_sites};
use crate::transport::{TlsConfig, TlsError};

/// How events are taken over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address and port that take events; `localhost` is 127.0.0.1.
    #[serde(deserialize_with = "deserialize_listen")]
    pub listen: SocketAddr,
    /// The certificate with which `listen` takes HTTPS.
    pub tls: TlsConfig,
    /// Largest event, in bytes of its JSON. A larger one is refused; in a batch the others are taken.
    pub max_event_bytes: usize,
    /// Largest body, in bytes, before and after decompression.
    pub max_body_bytes: usize,
    /// Most events in one request.
    pub max_events: usize,
    /// Memory for bodies, what they decompress to and the records made of them, over all requests, in bytes. When it is
    /// used up, requests are answered with 503 and Retry-After.
    pub max_buffered_bytes: usize,
    /// How long a request's headers may take to arrive, before those of the first one a TLS handshake and a header of the
    /// PROXY protocol, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long a connection may stay open without a request after its first, in milliseconds: longer than the load
    /// balancers before it keep theirs, or they send requests into connections that are just being closed.
    pub idle_timeout_ms: u64,
    /// Most bytes of a request's line and headers; a larger request is answered with 431. What is over 16 KiB counts as
    /// `max_buffered_bytes` do.
    pub max_head_bytes: usize,
    /// How long a request's body may take to arrive, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long an answer, of a long one each 64 KiB, may wait to be read by its sender before the connection is closed, in
    /// milliseconds.
    pub answer_timeout_ms: u64,
    /// Most connections at a time; further ones wait to be accepted.
    pub max_connections: usize,
    /// Most connections at a time from one address, or one IPv6 network of 64 bits; 0 for no limit. Further ones are closed
    /// at once. `trusted_proxies` and `trusted_senders` have no limit.
    pub max_connections_per_address: usize,
    /// Most requests for events at a time, over all connections; further ones are answered with 503 and Retry-After before
    /// their bodies are read.
    pub max_requests: usize,
    /// Most of them from one address, or one IPv6 network of 64 bits; 0 for no limit. Further ones are answered with 429
    /// and Retry-After. `trusted_proxies` and `trusted_senders` have no limit.
    pub max_requests_per_address: usize,
    /// How long requests in flight may take to finish when the gateway stops, in milliseconds.
    pub shutdown_timeout_ms: u64,
    /// Whether events of any page are taken, whoever sends them. When unset: only while no site is configured and `listen`
    /// is an address of this machine alone.
    pub accept_all: Option<bool>,
    /// The sites whose events are taken; all other events are refused.
    #[serde(deserialize_with = "deserialize_sites")]
    pub sites: Vec<Site>,
    /// Addresses, or ranges of them, of the proxies and load balancers in front of pageberg.
    pub trusted_proxies: Vec<Network>,
    /// The header in which they tell the client's address: `X-Forwarded-For` or `Forwarded`, to which each of them adds, or
    /// one that holds one address, such as `CF-Connecting-IP`. It must be one that they set or strip themselves.
    pub client_ip_header: String,
    /// Whether each address in it is followed by a port, an IPv6 address with or without brackets: `2001:db8::7:443`. When
    /// unset: only in `CloudFront-Viewer-Address`.
    pub client_ip_has_port: Option<bool>,
    /// Whether `trusted_proxies` begin each connection with a header of the PROXY protocol, version 1 or 2. Then they must,
    /// and the address in it is the one that connects; nobody else's connections may begin so.
    pub proxy_protocol: bool,
    /// Addresses, or ranges of them, of servers that send events for their visitors: they may set `ip`, `user_agent` and
    /// any `event_time`, as senders with a server key may, and `address_rate` does not limit them.
    pub trusted_senders: Vec<Network>,
    /// Whether events of files and of pages on `localhost` are answered but not recorded.
    pub ignore_local: bool,
    /// How old an event may be whose sender is not trusted, in milliseconds; the `event_time` of an older one is the time
    /// of its receipt.
    pub max_event_age_ms: u64,
    /// How far ahead of ours the clock of such a sender may be, in milliseconds; beyond that, too, the `event_time` is the
    /// time of receipt.
    pub max_event_ahead_ms: u64,
    /// How many events may come from one address, or one IPv6 network of 64 bits, whose sender is not trusted.
    pub address_rate: Rate,
    /// Most characters of each field of an event.
    pub field_limits: FieldLimits,
    /// Whether `/demo` shows visitors how an event of theirs goes through pageberg. When unset: only while no site is
    /// configured and `listen` is an address of this machine alone.
    pub demo: Option<bool>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: TlsConfig::default(),
            max_event_bytes: 1 << 20,
            max_body_bytes: 20 << 20,
            max_events: 100_000,
            max_buffered_bytes: 256 << 20,
            header_timeout_ms: 30_000,
            idle_timeout_ms: 75_000,
            max_head_bytes: 64 << 10,
            body_timeout_ms: 30_000,
            answer_timeout_ms: 30_000,
            max_connections: 4_096,
            max_connections_per_address: 256,
            max_requests: 4_096,
            max_requests_per_address: 512,
            shutdown_timeout_ms: 30_000,
            accept_all: None,
            sites: Vec::new(),
            trusted_proxies: Vec::new(),
            client_ip_header: "X-Forwarded-For".to_owned(),
            client_ip_has_port: None,
            proxy_protocol: false,
            trusted_senders: ["127.0.0.0/8", "::1"].into_iter().filter_map(|network| network.parse().ok()).collect(),
            ignore_local: false,
            max_event_age_ms: 7 * 24 * 60 * 60 * 1_000,
            max_event_ahead_ms: 5 * 60 * 1_000,
            address_rate: Rate { events_per_second: 100, burst_events: 2_000 },
            field_limits: FieldLimits::default(),
            demo: None,
        }
    }
}

/// Reads an address and a port to listen on.
///
/// # Errors
/// What it must be.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").map(|port| format!("{}:{port}", Ipv4Addr::LOCALHOST));
    let parsed = local.as_deref().unwrap_or(text).parse();
    parsed.map_err(|_| format!("{text:?} must be an address and a port, such as 127.0.0.1:8080 or localhost:8080"))
}

/// The same of a configuration's text.
///
/// # Errors
/// What it must be.
pub fn deserialize_listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(deserializer)?).map_err(D::Error::custom)
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
    /// Not the name of a header.
    #[error("client_ip_header: {0:?} must be the name of a header such as X-Forwarded-For")]
    Header(String),
    /// Nobody would speak it.
    #[error("proxy_protocol: needs trusted_proxies, as only their connections begin with its header")]
    NoProxies,
    /// No usable certificate; what follows says why.
    #[error("tls: {0}")]
    Tls(String),
    /// Sites that cannot be told apart.
    #[error(transparent)]
    Sites(#[from] SitesError),
    /// No event would be taken, or those of the whole world without a word.
    #[error(
        "sites: there is none. Name the sites whose events are to be taken ([[gateway.sites]]), or set accept_all = true \
         (PAGEBERG_GATEWAY__ACCEPT_ALL=true) to take the events of any page; unset it does so only on an address of this \
         machine alone, which {0} is not"
    )]
    NoSites(SocketAddr),
    /// Told not to take all, and not told which.
    #[error("sites: there is none and accept_all is false: no event would be taken")]
    NothingTaken,
    /// Told to take all, and only some.
    #[error("accept_all: must not be true when sites are configured, or their limits would hold nobody back")]
    Both,
}

impl From<TlsError> for ConfigError {
    fn from(error: TlsError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Self::Tls(format!("{error}{}", cause.unwrap_or_default()))
    }
}

impl Config {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// The first setting at fault.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_above_zero()?;
        self.check_order()?;
        HeaderName::try_from(&self.client_ip_header).map_err(|_| ConfigError::Header(self.client_ip_header.clone()))?;
        check_sites(&self.sites)?;
        self.tls.files()?;
        if self.proxy_protocol && self.trusted_proxies.is_empty() {
            return Err(ConfigError::NoProxies);
        }
        self.check_accept_all()
    }

    /// Whose connections and requests are not limited by address: they come for many visitors.
    pub(crate) fn unlimited(&self) -> Vec<Network> {
        [&self.trusted_proxies[..], &self.trusted_senders].concat()
    }

    /// Reads the TLS certificate, if one is configured.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn check_certificate(&self) -> Result<(), ConfigError> {
        self.tls.open()?;
        Ok(())
    }

    fn check_accept_all(&self) -> Result<(), ConfigError> {
        match (self.sites.is_empty(), self.accept_all) {
            (true, Some(true)) | (false, None | Some(false)) => Ok(()),
            (true, None) if self.is_local() => Ok(()),
            (true, None) => Err(ConfigError::NoSites(self.listen)),
            (true, Some(false)) => Err(ConfigError::NothingTaken),
            (false, Some(true)) => Err(ConfigError::Both),
        }
    }

    /// Whether there is a demo page.
    pub(crate) fn shows_demo(&self) -> bool {
        self.demo.unwrap_or_else(|| self.sites.is_empty() && self.is_local())
    }

    /// Whether only this machine can reach it.
    fn is_local(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }

    fn check_above_zero(&self) -> Result<(), ConfigError> {
        let zero = [
            ("max_event_bytes", self.max_event_bytes == 0),
            ("max_events", self.max_events == 0),
            ("header_timeout_ms", self.header_timeout_ms == 0),
            ("idle_timeout_ms", self.idle_timeout_ms == 0),
            ("max_head_bytes", self.max_head_bytes == 0),
            ("body_timeout_ms", self.body_timeout_ms == 0),
            ("answer_timeout_ms", self.answer_timeout_ms == 0),
            ("max_connections", self.max_connections == 0),
            ("max_requests", self.max_requests == 0),
            ("tls.reload_interval_ms", self.tls.reload_interval_ms == 0),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_may_name_this_machine() {
        let listen = |text: &str| serde_json::from_value::<Config>(serde_json::json!({"listen": text}));
        for (text, address) in [("localhost:80", "127.0.0.1:80"), ("[::1]:80", "[::1]:80"), ("0.0.0.0:0", "0.0.0.0:0")]
        {
            assert_eq!(listen(text).unwrap().listen.to_string(), address);
        }
        for text in ["localhost", "localhost:x", "example.com:80", "", "127.0.0.1"] {
            let error = listen(text).unwrap_err().to_string();
            assert!(error.contains("such as 127.0.0.1:8080 or localhost:8080"), "{error}");
        }
    }

    #[test]
    fn the_defaults_hold_and_every_fault_names_its_setting() {
        assert_eq!(Config::default().check(), Ok(()));
        let site = || vec![Site { name: "shop".to_owned(), ..Site::default() }];
        let (any, own) = (SocketAddr::from(([0, 0, 0, 0], 80)), SocketAddr::from(([127, 0, 0, 9], 80)));
        for good in [
            Config { listen: own, ..Config::default() },
            Config { listen: any, accept_all: Some(true), ..Config::default() },
            Config { listen: any, sites: site(), ..Config::default() },
            Config { listen: any, sites: site(), accept_all: Some(false), ..Config::default() },
        ] {
            assert_eq!(good.check(), Ok(()));
        }
        for (config, fault) in [
            (Config { max_events: 0, ..Config::default() }, "max_events must be more than 0"),
            (Config { idle_timeout_ms: 0, ..Config::default() }, "idle_timeout_ms must be more than 0"),
            (Config { max_event_bytes: 1 << 30, ..Config::default() }, "max_event_bytes must be at most"),
            (Config { max_body_bytes: 1 << 30, ..Config::default() }, "max_body_bytes must be at most half"),
            (
                Config { client_ip_header: "X Forwarded".to_owned(), ..Config::default() },
                "client_ip_header: \"X Forwarded\"",
            ),
            (Config { proxy_protocol: true, ..Config::default() }, "proxy_protocol: needs trusted_proxies"),
            (
                Config { tls: TlsConfig { cert_file: Some("a".into()), ..TlsConfig::default() }, ..Config::default() },
                "tls: name both cert_file and key_file",
            ),
            (Config { listen: any, ..Config::default() }, "accept_all = true (PAGEBERG_GATEWAY__ACCEPT_ALL=true)"),
            (Config { accept_all: Some(false), ..Config::default() }, "sites: there is none and accept_all is false"),
            (Config { sites: site(), accept_all: Some(true), ..Config::default() }, "accept_all: must not be true"),
            (Config { sites: [site(), site()].concat(), ..Config::default() }, "\"shop\" is the name or alias of two"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
        }
    }
}
