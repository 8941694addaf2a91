//! A private Apache Kafka for tests, started by dev/kafka.sh and removed with its data, also when the test is killed.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// User of the listener with SASL.
pub const SASL_USER: &str = "pageberg";
/// Password of the listener with SASL.
pub const SASL_PASSWORD: &str = "pageberg-secret";
/// Password of the client's private key.
pub const CLIENT_KEY_PASSWORD: &str = "client-secret";

/// A running broker.
pub struct KafkaBroker {
    folder: PathBuf,
    address: String,
    _remover: Remover,
}

impl KafkaBroker {
    /// A broker of the caller's own, to be killed at will.
    pub fn start() -> Self {
        Self::start_with(&["0"])
    }

    /// One that also listens with SASL and with mutual TLS.
    pub fn start_with_tls() -> Self {
        Self::start_with(&["0", "--tls"])
    }

    /// The broker that all tests of one program share. It ends with the program.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<KafkaBroker> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let remover = Remover::of(&folder);
        let address = script("start", &folder, arguments);
        Self { folder, address, _remover: remover }
    }

    /// `127.0.0.1:port` of the listener without TLS.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of the listener with TLS and SASL.
    pub fn sasl_address(&self) -> String {
        fs::read_to_string(self.folder.join("sasl-ssl")).unwrap().trim().to_owned()
    }

    /// The address of the listener that demands a client certificate.
    pub fn mutual_tls_address(&self) -> String {
        fs::read_to_string(self.folder.join("mutual-tls")).unwrap().trim().to_owned()
    }

    /// A file made with the certificates: `ca.pem`, `client.pem`, `client.key`, `stranger.pem`, `stranger.key`.
    pub fn tls_file(&self, name: &str) -> PathBuf {
        self.folder.join("tls").join(name)
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

/// Removes the broker when this program closes its end of a pipe, which every way of ending does.
struct Remover(Child);

impl Remover {
    fn of(folder: &Path) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "cat >/dev/null; exec \"$0\" remove \"$1\""]).arg(project().join("dev/kafka.sh")).arg(folder);
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
    let script = project().join("dev/kafka.sh");
    let output = Command::new(script).arg(verb).arg(folder).args(arguments).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "dev/kafka.sh {verb} failed: {complaints}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The folder of the workspace, whichever of its crates the test belongs to.
fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("dev/kafka.sh").exists()).unwrap().to_owned()
}
