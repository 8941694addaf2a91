//! A table of its own in each kind of catalog, and PyIceberg to look at it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;
use warehouse::{CATALOG_NAME, CatalogKind, Config, Table};

use crate::stores::{self, BUCKET, Server};
use crate::support::{deliver, python};

/// A catalog with nothing in it yet, or no table of this name.
pub struct Lake {
    pub folder: TempDir,
    pub config: Config,
    /// PyIceberg's expression for the catalog.
    python: String,
    /// It runs until the last lake in it is gone.
    _server: Option<Arc<Postgres>>,
}

impl Lake {
    fn new(config: Config, python: String) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), config, python, _server: None }
    }

    pub async fn open(&self) -> Table {
        Table::open(self.folder.path(), &self.config).await.unwrap()
    }

    /// The table with one row in it.
    pub async fn with_one_row(&self) -> Table {
        let mut table = self.open().await;
        deliver(&mut table, &[crate::support::bare(0)]).await;
        table
    }

    /// The same catalog, seen from another machine.
    pub fn elsewhere(&self, config: Config) -> Self {
        Self::new(config, self.python.clone())
    }

    /// What PyIceberg prints when it runs the lines on `catalog` and the name `table`.
    pub fn pyiceberg(&self, lines: &str) -> String {
        let table = format!("{}.{}", self.config.table.namespace, self.config.table.name);
        let catalog = self.python.replace("{folder}", self.folder.path().to_str().unwrap());
        let script = format!(
            "from pyiceberg.catalog.rest import RestCatalog\nfrom pyiceberg.catalog.sql import SqlCatalog\n\
             catalog = {catalog}\nname = '{table}'\n{lines}\n"
        );
        let output = python().args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Rows that PyIceberg counts.
    pub fn rows(&self) -> String {
        self.pyiceberg("print(catalog.load_table(name).scan().to_arrow().num_rows)")
    }
}

pub async fn sqlite() -> Lake {
    let python = format!("SqlCatalog('{CATALOG_NAME}', uri='sqlite:///{{folder}}/catalog.sqlite')");
    Lake::new(Config::default(), python)
}

pub async fn postgres() -> Lake {
    let server = Postgres::shared();
    let url = server.database().await;
    let mut config = Config::default();
    config.catalog.kind = CatalogKind::Postgres;
    config.catalog.name = "lake".to_owned();
    config.catalog.postgres.url = Some(url.as_str().into());
    let python = format!("SqlCatalog('lake', uri='{}')", url.replace("postgres://", "postgresql+psycopg://"));
    Lake { _server: Some(server), ..Lake::new(config, python) }
}

/// A table in a namespace of its own, as all share one Nessie.
pub async fn rest() -> Lake {
    let uri = tokio::task::spawn_blocking(nessie).await.unwrap();
    let python = format!("RestCatalog('n', uri='{uri}', **{{'s3.access-key-id': 'a', 's3.secret-access-key': 'b'}})");
    // Nessie 0.99 takes it all the same.
    Lake::new(rest_config(uri), python)
}

pub fn rest_config(uri: &str) -> Config {
    let mut config = Config::default();
    config.catalog.kind = CatalogKind::Rest;
    config.catalog.rest.uri = uri.to_owned();
    config.table.namespace = format!("web_{}", Uuid::new_v4().simple());
    config.storage.allow_http = true;
    config.storage.s3.endpoint = Some(stores::s3().to_owned());
    config.storage.s3.access_key_id = Some("key".to_owned());
    config.storage.s3.secret_access_key = Some("secret".into());
    config
}

/// URL of a Nessie whose tables lie in the S3 server's bucket.
pub fn nessie() -> &'static str {
    static SERVER: LazyLock<Server> = LazyLock::new(|| {
        let mut script = Command::new(project().join("dev/nessie.sh"));
        Server::start(script.args(["run", "0", stores::s3(), &format!("s3://{BUCKET}/nessie")]))
    });
    &SERVER.url
}

/// A private Postgres, removed with its data when it is dropped.
pub struct Postgres {
    folder: TempDir,
    url: String,
}

impl Postgres {
    /// The server that tests running at the same time share.
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let folder = tempfile::tempdir().unwrap();
            let url = postgres_script(&["start", folder.path().to_str().unwrap(), "0"]);
            let server = Arc::new(Self { folder, url });
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// The URL of a new, empty database.
    async fn database(&self) -> String {
        let name = format!("test_{}", Uuid::new_v4().simple());
        let mut server = PgConnection::connect(&self.url).await.unwrap();
        server.execute(format!("CREATE DATABASE {name}").as_str()).await.unwrap();
        format!("{}/{name}", self.url.rsplit_once('/').unwrap().0)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        postgres_script(&["remove", self.folder.path().to_str().unwrap()]);
    }
}

fn postgres_script(arguments: &[&str]) -> String {
    let script = project().join("dev/postgres.sh");
    let output = Command::new(script).args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success() || std::thread::panicking(), "dev/postgres.sh {arguments:?} failed");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
