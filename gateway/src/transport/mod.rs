//! From an accepted TCP connection to the bytes of HTTP: who is at its other end, and the encryption around it.
//!
//! 1. A trusted proxy says for whom it connects, when it speaks the PROXY protocol (`announced`).
//! 2. The address takes its place among the connections that it may have ([`Crowd`]).
//! 3. TLS, when a certificate is configured (`certificate`).
//!
//! **Invariant:** of a peer that is no trusted proxy, no byte before HTTP or TLS is read as anything else.
//! **Invariant:** all three together take no longer than `header_timeout_ms`.

mod announced;
mod certificate;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use proxy_header::io::ProxiedStream;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tracing::debug;

pub use self::certificate::{TlsConfig, TlsError, Watcher};
use crate::admission::{Crowd, Network, Place};
use crate::config::Config;
use crate::metrics::HTTP_CONNECTIONS_DROPPED_TOTAL;

type Plain = ProxiedStream<TcpStream>;

/// The bytes of HTTP, whatever they are wrapped in.
pub type Stream = Either<Plain, Box<TlsStream<Plain>>>;

/// Makes connections ready for HTTP.
pub struct Transport {
    trusted_proxies: Vec<Network>,
    proxy_protocol: bool,
    crowd: Arc<Crowd>,
    tls: Option<TlsAcceptor>,
    time_limit: Duration,
}

/// A connection that is ready for HTTP.
pub struct Established {
    /// Its bytes.
    pub stream: Stream,
    /// Who is at its other end, as far as connections tell.
    pub peer: IpAddr,
    /// Held as long as the connection is open.
    pub place: Option<Place>,
}

/// Why a connection came to nothing before HTTP.
#[derive(Debug, thiserror::Error)]
pub enum Dropped {
    /// Its address has as many as it may have.
    #[error("the address has too many connections")]
    Crowded,
    /// A trusted proxy did not say for whom it connects.
    #[error("the connection does not begin with a header of the PROXY protocol")]
    ProxyHeader(#[source] io::Error),
    /// No agreement about TLS: plain HTTP, for one.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    /// It took too long.
    #[error("the connection was not ready for HTTP in time")]
    TooSlow,
}

impl Transport {
    /// As configured, and what keeps its certificate up to date.
    ///
    /// # Errors
    /// When there is no usable certificate in the files that should hold one.
    pub fn new(config: &Config) -> Result<(Self, Option<Watcher>), TlsError> {
        let tls = config.tls.open()?;
        let (tls, watcher) = tls.map_or((None, None), |(tls, watcher)| (Some(tls), Some(watcher)));
        let transport = Self {
            trusted_proxies: config.trusted_proxies.clone(),
            proxy_protocol: config.proxy_protocol,
            crowd: Crowd::new(config.max_connections_per_address, config.unlimited()),
            tls: tls.map(TlsAcceptor::from),
            time_limit: Duration::from_millis(config.header_timeout_ms),
        };
        Ok((transport, watcher))
    }

    /// Makes a connection ready.
    ///
    /// # Errors
    /// Why it cannot be; it is closed then.
    pub async fn establish(&self, stream: TcpStream, peer: IpAddr) -> Result<Established, Dropped> {
        let established = timeout(self.time_limit, self.prepare(stream, peer.to_canonical()));
        established.await.unwrap_or(Err(Dropped::TooSlow))
    }

    async fn prepare(&self, stream: TcpStream, peer: IpAddr) -> Result<Established, Dropped> {
        let (stream, peer) = if self.proxy_protocol && self.is_proxy(peer) {
            let (stream, announced) = announced::read(stream).await.map_err(Dropped::ProxyHeader)?;
            (stream, announced.unwrap_or(peer))
        } else {
            (Plain::unproxied(stream), peer)
        };
        let place = self.crowd.join(peer).map_err(|_| Dropped::Crowded)?;
        let stream = match &self.tls {
            Some(tls) => Either::Right(Box::new(tls.accept(stream).await.map_err(Dropped::Handshake)?)),
            None => Either::Left(stream),
        };
        Ok(Established { stream, peer, place })
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(peer))
    }
}

impl Dropped {
    /// Counts the connection, and tells those who look for a reason.
    pub fn count(&self) {
        debug!(error = self as &dyn std::error::Error, "a connection was closed before its first request");
        let reason = match self {
            Self::Crowded => "address_limit",
            Self::ProxyHeader(_) => "proxy_header",
            Self::Handshake(_) => "tls_handshake",
            Self::TooSlow => "too_slow",
        };
        counter!(HTTP_CONNECTIONS_DROPPED_TOTAL, "reason" => reason).increment(1);
    }
}
