//! A private Postgres for tests, started by dev/postgres.sh and removed with its data when dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio_postgres::{Client, NoTls};

/// A running server.
pub struct PostgresServer {
    folder: tempfile::TempDir,
    url: String,
    databases: AtomicUsize,
}

impl PostgresServer {
    /// A server of the caller's own, to be killed or reconfigured at will.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = script("start", folder.path(), &["0"]);
        Self { folder, url, databases: AtomicUsize::new(0) }
    }

    /// A server that tests running at the same time share. It ends with the last of them.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<PostgresServer>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// The URL of a new, empty database.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        connect(&self.url).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        format!("{}/{name}", self.url.rsplit_once('/').unwrap().0)
    }

    /// Ends the server as a crash would.
    pub fn kill(&self) {
        script("kill", self.folder.path(), &[]);
    }

    /// Starts it again on the same data and port.
    pub fn restart(&self) {
        let port = self.url.rsplit_once(':').unwrap().1.split('/').next().unwrap();
        assert_eq!(script("start", self.folder.path(), &[port]), self.url);
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        script("remove", self.folder.path(), &[]);
    }
}

/// A connection to look at what was written.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn script(verb: &str, folder: &Path, arguments: &[&str]) -> String {
    let script = project().join("dev/postgres.sh");
    let output = Command::new(script).arg(verb).arg(folder).args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success() || std::thread::panicking(), "dev/postgres.sh {verb} failed");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The folder of the workspace, whichever of its crates the test belongs to.
fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("dev/postgres.sh").exists()).unwrap().to_owned()
}
