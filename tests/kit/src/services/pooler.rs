//! A real PgBouncer before a Postgres, fetched by dev/pgbouncer.sh.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{ports, project};

const DEADLINE: Duration = Duration::from_secs(30);

/// A PgBouncer of one test's own in transaction mode, ended when dropped. It has two sessions a database and takes turns
/// with them.
pub struct Pooler {
    _folder: TempDir,
    process: Child,
    port: u16,
}

impl Pooler {
    /// Starts one before the server of this URL and waits until it takes connections.
    pub fn start(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = url.rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned();
        let port = ports::reserve();
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=pageberg\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 2\nmin_pool_size = 2\nserver_round_robin = 1\nlog_connections = 0\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(project::run_dev_script("pgbouncer.sh", [""; 0]));
        // It does not run as root; the user that it changes to is used by root only.
        if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            command.args(["-u", "nobody"]);
        }
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PgBouncer did not start: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { _folder: folder, process, port }
    }

    /// The URL of a database as it is reached through this one.
    pub fn url(&self, url: &str) -> String {
        format!("postgres://pageberg@127.0.0.1:{}/{}", self.port, url.rsplit_once('/').unwrap().1)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}
