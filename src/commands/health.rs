//! `health`: whether a server on this machine is alive.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::flags;
use crate::config::{Config, Given};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Options of `health`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    status: flags::Status,
}

impl Args {
    pub fn given(&self) -> Vec<Given> {
        self.status.given().into_iter().collect()
    }

    /// Fails, and so makes the exit code 1, unless the status server answers 200.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let url = format!("{}/health/live", url_of(config.status.listen));
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let response = client.get(&url).send().await.context("the server does not answer")?;
        ensure!(response.status().is_success(), "the server answers {}", response.status());
        println!("ok");
        Ok(())
    }
}

/// The URL under which a server on this machine is reached that listens on `address`.
pub fn url_of(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
