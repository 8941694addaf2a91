//! A real Apache Kafka, started by dev/kafka.sh.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use super::text;
use crate::{ports, project};

/// User of the listener with SASL.
pub const SASL_USER: &str = "pageberg";
/// Password of the listener with SASL.
pub const SASL_PASSWORD: &str = "pageberg-secret";
/// Password of the client's private key.
pub const CLIENT_KEY_PASSWORD: &str = "client-secret";

/// The broker that all tests share, with listeners without and with TLS. Topics and groups need names of their own.
pub struct SharedKafka {
    address: String,
    sasl_address: String,
    mutual_tls_address: String,
    tls: PathBuf,
}

/// The shared broker.
pub fn shared() -> &'static SharedKafka {
    static SHARED: LazyLock<SharedKafka> = LazyLock::new(|| {
        let facts = super::shared("kafka");
        let [address, sasl_address, mutual_tls_address, tls] =
            ["address", "sasl_address", "mutual_tls_address", "tls"].map(|name| text(&facts, name));
        SharedKafka { address, sasl_address, mutual_tls_address, tls: tls.into() }
    });
    &SHARED
}

/// A name for a topic or a group that no other test uses.
pub fn unique(name: &str) -> String {
    format!("{name}_{:016x}", rand::random::<u64>())
}

impl SharedKafka {
    /// `127.0.0.1:port` of the listener without TLS.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of the listener with TLS and SASL.
    pub fn sasl_address(&self) -> &str {
        &self.sasl_address
    }

    /// The address of the listener that demands a client certificate.
    pub fn mutual_tls_address(&self) -> &str {
        &self.mutual_tls_address
    }

    /// A file made with the certificates: `ca.pem`, `client.pem`, `client.key`, `stranger.pem`, `stranger.key`.
    pub fn tls_file(&self, name: &str) -> PathBuf {
        self.tls.join(name)
    }
}

/// A broker of one test's own, to be killed at will. It is removed with its data, also when the test is killed.
pub struct OwnKafka {
    folder: PathBuf,
    address: String,
    _remover: Remover,
}

impl OwnKafka {
    /// Starts a broker and waits until it answers.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let remover = Remover::of(&folder);
        let address = script("start", &folder, &[&format!("{},{}", ports::reserve(), ports::reserve())]);
        Self { folder, address, _remover: remover }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends the broker as a crash would.
    pub fn kill(&self) {
        script("kill", &self.folder, &[]);
    }

    /// Starts it again on the same data and ports, and waits until it answers.
    pub fn restart(&self) {
        assert_eq!(script("start", &self.folder, &["0"]), self.address);
    }
}

impl OwnKafka {
    /// Stops the broker's process as it is: it answers nothing, and nothing tells its clients.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// The folder of a partition's files.
    pub fn partition_folder(&self, topic: &str, partition: i32) -> PathBuf {
        self.folder.join("data").join(format!("{topic}-{partition}"))
    }

    fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.join("broker.pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }
}

/// Removes the broker when this program closes its end of a pipe, which every way of ending does.
struct Remover(Child);

impl Remover {
    fn of(folder: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "cat >/dev/null; exec \"$0\" remove \"$1\""]);
        shell.arg(project::root().join("dev/kafka.sh")).arg(folder);
        // A process group of its own: Ctrl-C ends the tests, not the one that cleans up after them.
        let shell = shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn script(verb: &str, folder: &Path, arguments: &[&str]) -> String {
    let folder = folder.display().to_string();
    project::run_dev_script("kafka.sh", [verb, folder.as_str()].iter().chain(arguments))
}
