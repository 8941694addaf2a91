//! Servers that speak the protocols of the clouds' stores, in memory, each with one bucket. They end with the test process,
//! whose end closes their standard input.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::LazyLock;

/// The bucket, or container, that each of them has.
pub const BUCKET: &str = "lake";

/// Account and key of every Azurite.
pub const AZURE_ACCOUNT: &str = "devstoreaccount1";
pub const AZURE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// URL of an S3 server, which takes any credentials.
pub fn s3() -> &'static str {
    static SERVER: LazyLock<Server> = LazyLock::new(|| {
        let python = std::env::var_os("PAGEBERG_TEST_PYTHON").map(PathBuf::from);
        let python = python.unwrap_or_else(|| cache().join("venv/bin/python"));
        Server::start(Command::new(python).arg(script("s3.py")).arg(BUCKET))
    });
    &SERVER.url
}

/// URL of Azure's blob server, its account included.
pub fn azure() -> &'static str {
    static SERVER: LazyLock<Server> = LazyLock::new(|| {
        Server::start(Command::new("node").arg(script("azurite.mjs")).arg(cache().join("azurite-3.37.0")).arg(BUCKET))
    });
    &SERVER.url
}

pub struct Server {
    pub url: String,
    /// It runs until this is closed.
    _open: ChildStdin,
}

impl Server {
    /// Starts a server that prints its URL once it answers.
    #[expect(clippy::zombie_processes, reason = "it ends with the test process, or after it")]
    pub fn start(command: &mut Command) -> Self {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut server = started.unwrap_or_else(|error| panic!("{command:?}: {error}: run `make test-setup`"));
        let mut url = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "{command:?} did not start: run `make test-setup`");
        Self { url: url.trim().to_owned(), _open: server.stdin.take().unwrap() }
    }
}

fn script(name: &str) -> PathBuf {
    project().join("tests/support").join(name)
}

fn cache() -> PathBuf {
    std::env::var_os("PAGEBERG_CACHE").map_or_else(|| project().join(".cache"), PathBuf::from)
}

/// The folder of the workspace, for tests of every crate of it.
fn project() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    if package.join("Cargo.lock").exists() { package } else { package.parent().unwrap() }
}
