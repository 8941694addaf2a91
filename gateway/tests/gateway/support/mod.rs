//! A gateway on a port of its own, a log that does as a test says, and a client that may misbehave.

mod client;
mod log;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gateway::{Config, Gateway, RenderMetrics};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

pub use client::{Answer, Client, post, post_with};
pub use log::{Fault, ScriptedLog};

/// How long a test waits for what it expects.
pub const TIMEOUT: Duration = Duration::from_secs(20);

pub struct Server {
    pub address: SocketAddr,
    pub log: Arc<ScriptedLog>,
    pub shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl Server {
    pub async fn start(config: Config) -> Self {
        Self::start_rendering(config, Arc::new(|| "pageberg_up 1\n".to_owned())).await
    }

    pub async fn start_rendering(config: Config, render: RenderMetrics) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (log, shutdown) = (Arc::new(ScriptedLog::default()), CancellationToken::new());
        let gateway = Gateway::new(config, log.clone(), "raw", render).unwrap();
        let running = tokio::spawn(gateway.run(listener, shutdown.clone()));
        Self { address, log, shutdown, running }
    }

    pub async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Sends these bytes on a connection of their own and reads one answer.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.client().await;
        client.write(request).await;
        client.answer().await
    }

    pub async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        self.send(post(body)).await
    }

    /// Waits for `run` to return.
    pub async fn stopped(self) -> Arc<ScriptedLog> {
        timeout(TIMEOUT, self.running).await.expect("the gateway stops").unwrap();
        self.log
    }

    /// Runs an attack while somebody else posts events all the time, each of which must be accepted.
    pub async fn while_others_are_served<T>(&self, attack: impl Future<Output = T>) -> T {
        let bystander = async {
            loop {
                let answer = timeout(TIMEOUT, self.post(r#"{"url":"/bystander"}"#)).await.expect("an answer in time");
                assert_eq!(answer.status, 200, "{}", answer.text());
                sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            result = timeout(TIMEOUT, attack) => result.expect("the attack ends in time"),
            () = bystander => unreachable!("the bystander never ends"),
        }
    }
}

/// Polls until `condition` holds.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The sum of a metric's samples whose labels hold `label`.
pub fn total(metrics: &PrometheusHandle, name: &str, label: &str) -> f64 {
    let text = metrics.render();
    let samples = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}
