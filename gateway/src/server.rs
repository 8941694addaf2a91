//! The gateway as a whole: accepts connections until it is told to stop, then finishes what is in flight.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use eventlog::EventLog;
use metrics::{Gauge, gauge};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::{Config, ConfigError};
use crate::connection::{self, Ends};
use crate::intake::Intake;
use crate::metrics::HTTP_CONNECTIONS;
use crate::routes::{Demo, Routes};
use crate::transport::{Transport, Watcher};

/// Renders what the process counts, in the text format of Prometheus.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// After a failed accept, as when no file descriptor is left, the next one waits this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The names of the log's topics.
#[derive(Debug, Clone)]
pub struct Topics {
    /// Takes the events.
    pub raw: String,
    /// Gets them with their places, when the pipeline writes them to the same log.
    pub enriched: Option<String>,
}

impl<T: Into<String>> From<T> for Topics {
    fn from(raw: T) -> Self {
        Self { raw: raw.into(), enriched: None }
    }
}

/// Takes events over HTTP and appends them to a log.
pub struct Gateway {
    config: Config,
    intake: Arc<Intake>,
    routes: Routes,
    transport: Arc<Transport>,
    certificate: Option<Watcher>,
}

impl Gateway {
    /// A gateway that appends to the raw topic. The recorder of metrics must be installed before.
    ///
    /// # Errors
    /// When the configuration cannot be used, or the TLS certificate.
    pub fn new(
        config: Config,
        log: Arc<dyn EventLog>,
        topics: impl Into<Topics>,
        render_metrics: RenderMetrics,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let Topics { raw, enriched } = topics.into();
        let (transport, certificate) = Transport::new(&config)?;
        let intake = Arc::new(Intake::new(&config, log, raw));
        let demo = config.shows_demo().then(|| Demo::new(&intake, enriched));
        let routes = Routes::new(intake.clone(), render_metrics, demo);
        Ok(Self { config, intake, routes, transport: Arc::new(transport), certificate })
    }

    /// Serves until `shutdown` is set. Then no more connections are accepted, and requests in flight are answered, for
    /// at most `shutdown_timeout_ms`; what is not durable by then gets no answer.
    pub async fn run(mut self, listener: TcpListener, shutdown: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.config.max_connections.min(Semaphore::MAX_PERMITS)));
        let ends = Ends { closing: self.intake.closing.clone(), aborting: CancellationToken::new() };
        if let Some(certificate) = self.certificate.take() {
            let closing = self.intake.closing.clone();
            self.intake.tasks.spawn(async move { closing.run_until_cancelled(certificate.run()).await });
        }
        while let Some(accepted) = shutdown.run_until_cancelled(accept(&listener, &slots)).await {
            self.spawn(accepted, ends.clone());
        }
        drop(listener);
        self.finish(&ends.aborting).await;
    }

    fn spawn(&self, accepted: Accepted, ends: Ends) {
        let Accepted { stream, peer, open } = accepted;
        let (transport, routes) = (self.transport.clone(), self.routes.clone());
        let limits = connection::Limits::of(&self.config);
        self.intake.tasks.spawn(async move {
            let _open = open;
            match ends.closing.run_until_cancelled(transport.establish(stream, peer)).await {
                Some(Ok(established)) => connection::serve(established, routes, limits, ends).await,
                Some(Err(dropped)) => dropped.count(),
                None => {}
            }
        });
    }

    async fn finish(self, aborting: &CancellationToken) {
        self.intake.closing.cancel();
        self.intake.tasks.close();
        info!(connections = self.intake.tasks.len(), "the gateway stops: finishing requests in flight");
        let limit = Duration::from_millis(self.config.shutdown_timeout_ms);
        if timeout(limit, self.intake.tasks.wait()).await.is_err() {
            warn!(
                connections = self.intake.tasks.len(),
                limit_ms = self.config.shutdown_timeout_ms,
                "requests did not finish in time and are cut off"
            );
            aborting.cancel();
        }
    }
}

struct Accepted {
    stream: TcpStream,
    peer: IpAddr,
    open: Open,
}

/// Waits for a free slot and then for a connection. May be dropped while it waits.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Accepted {
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Only a matter of speed: the answer is the same without it.
                let _set = stream.set_nodelay(true);
                return Accepted { stream, peer: peer.ip(), open: Open::new(slot) };
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection's slot, and its part in the gauge of open connections.
struct Open {
    connections: Gauge,
    _slot: OwnedSemaphorePermit,
}

impl Open {
    fn new(slot: OwnedSemaphorePermit) -> Self {
        let connections = gauge!(HTTP_CONNECTIONS);
        connections.increment(1.0);
        Self { connections, _slot: slot }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.decrement(1.0);
    }
}
