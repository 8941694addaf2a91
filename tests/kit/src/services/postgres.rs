//! A real Postgres, started by dev/postgres.sh.

use tempfile::TempDir;

use crate::{ports, project};

/// The URL of a new, empty database on the server that all tests share.
#[cfg(feature = "postgres")]
pub async fn new_database() -> String {
    static URL: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| super::text(&super::shared("postgres"), "url"));
    let url = tokio::task::spawn_blocking(|| &**URL).await.unwrap();
    create_database(url).await
}

/// A server of one test's own, to be killed or reconfigured at will; removed with its data when dropped.
pub struct OwnPostgres {
    folder: TempDir,
    url: String,
}

impl OwnPostgres {
    /// Starts a server and waits until it takes connections.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = script("start", &folder, &[&ports::reserve().to_string()]);
        Self { folder, url }
    }

    /// The URL of a new, empty database.
    #[cfg(feature = "postgres")]
    pub async fn new_database(&self) -> String {
        create_database(&self.url).await
    }

    /// Ends the server as a crash would.
    pub fn kill(&self) {
        script("kill", &self.folder, &[]);
    }

    /// Starts it again on the same data and port.
    pub fn restart(&self) {
        let port = self.url.rsplit_once(':').unwrap().1.split('/').next().unwrap();
        assert_eq!(script("start", &self.folder, &[port]), self.url);
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        script("remove", &self.folder, &[]);
    }
}

#[cfg(feature = "postgres")]
async fn create_database(url: &str) -> String {
    let name = format!("test_{:032x}", rand::random::<u128>());
    connect(url).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

/// A connection to look at what was written.
#[cfg(feature = "postgres")]
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn script(verb: &str, folder: &TempDir, arguments: &[&str]) -> String {
    let folder = folder.path().display().to_string();
    project::run_dev_script("postgres.sh", [verb, folder.as_str()].iter().chain(arguments))
}
