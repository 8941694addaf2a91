//! `import`: web server logs into a gateway.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::builder::RangedU64ValueParser;
use event::Secret;

use super::health::url_of;
use crate::config::Config;
use crate::import::Import;

const HELP: &str = "\
Reads Apache's and Nginx's combined, common and vhost_combined formats, plain, gzip'd or zstd'd whatever the name. Each \
line becomes an event: url is the request's target as logged, event_time the line's own time; method, status and bytes \
are kept as further keys.

A line whose client is a host name (HostnameLookups On) has no address to record, and the gateway would take this \
machine's: it is rejected, unless --fallback-ip is given; the name is then kept as `client`. Lines that cannot be read \
are reported with number and reason and do not stop the rest.

Progress is kept after each answered request. A request is repeated while the gateway is away or busy, and a batch that \
arrives twice is recorded once. After an interruption, or once the file has grown, --resume goes on with what is \
missing. Standard input cannot be resumed.

The exit code is 0 when everything that could be imported was, also if lines were rejected; 1 when the import ended \
early.

Examples:
  pageberg import --host example.org /var/log/nginx/access.log
  pageberg import --host example.org --resume /var/log/nginx/access.log
  pageberg import --to https://collector.example.org --key-file /etc/pageberg.key --host example.org access.log
  zgrep -h ' /shop/' access.log.*.gz | pageberg import --to http://collector:8080 -";

/// Options of `import`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Web server logs, imported in this order; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Base address of the gateway. Default: the configured gateway.listen, http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// File that holds a server key of a site of the gateway. Needed unless the gateway trusts this machine's address
    /// (gateway.trusted_senders): it records the lines' own addresses and times for trusted senders only
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Site that the log belongs to, recorded as the host of every line. Default: the line's virtual host, or the host of
    /// an absolute target, or none
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Go on after what was imported of a file before; adds nothing when that was all
    #[arg(long)]
    resume: bool,
    /// Folder in which the progress of each file is kept. Default: import in the data folder
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Lines in one request
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = RangedU64ValueParser::<usize>::new().range(1..=50_000))]
    batch: usize,
    /// Address to record for lines whose client is a host name. Default: such lines are rejected
    #[arg(long, value_name = "IP")]
    fallback_ip: Option<IpAddr>,
    /// File to add rejected lines to: file, line number, reason and line, separated by tabs. Default: the first 20 are told
    /// on standard error
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Seconds for which one request is repeated before the import gives up
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
}

impl Args {
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let import = Import {
            key: self.key_file.as_deref().map(read_key).transpose()?,
            to: self.to.unwrap_or_else(|| url_of(config.gateway.listen)),
            state: self.state.unwrap_or_else(|| config.data.join("import")),
            files: self.files,
            host: self.host,
            fallback_ip: self.fallback_ip,
            resume: self.resume,
            batch_lines: self.batch,
            rejects: self.rejects,
            give_up_after: Duration::from_secs(self.timeout),
        };
        import.run().await
    }
}

fn read_key(file: &Path) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
    Ok(Secret::from(text.trim()))
}
