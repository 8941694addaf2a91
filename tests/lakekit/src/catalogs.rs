//! A table of its own in each kind of catalog, and PyIceberg to look at it.

use tempfile::TempDir;
use testkit::services::kafka::unique;
use testkit::services::python::printed_by_python;
use testkit::services::{postgres as server, stores};
use warehouse::{CATALOG_NAME, CatalogKind, Config, StorageConfig, Table};

use crate::table::{bare, deliver};

/// A catalog with nothing in it yet, or no table of this name.
pub struct Lake {
    /// The data folder.
    pub folder: TempDir,
    /// Settings of the table and its catalog.
    pub config: Config,
    /// PyIceberg's expression for the catalog.
    python: String,
}

impl Lake {
    fn new(config: Config, python: String) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), config, python }
    }

    /// The table, which is made if it is not there.
    pub async fn open(&self) -> Table {
        Table::open(self.folder.path(), &self.config).await.unwrap()
    }

    /// The table with one row in it.
    pub async fn with_one_row(&self) -> Table {
        let mut table = self.open().await;
        deliver(&mut table, &[bare(0)]).await;
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
        printed_by_python(&["-c", &script]).trim().to_owned()
    }

    /// Rows that PyIceberg counts.
    pub fn rows(&self) -> String {
        self.pyiceberg("print(catalog.load_table(name).scan().to_arrow().num_rows)")
    }
}

/// A catalog in a SQLite file of its own.
pub async fn sqlite() -> Lake {
    let python = format!("SqlCatalog('{CATALOG_NAME}', uri='sqlite:///{{folder}}/catalog.sqlite')");
    Lake::new(Config::default(), python)
}

/// A catalog in a Postgres database of its own.
pub async fn postgres() -> Lake {
    let url = server::new_database().await;
    let mut config = Config::default();
    config.catalog.kind = CatalogKind::Postgres;
    config.catalog.name = "lake".to_owned();
    config.catalog.postgres.url = Some(url.as_str().into());
    let python = format!("SqlCatalog('lake', uri='{}')", url.replace("postgres://", "postgresql+psycopg://"));
    Lake::new(config, python)
}

/// A table in a namespace of its own, as all share one Nessie.
pub async fn rest() -> Lake {
    let nessie = tokio::task::spawn_blocking(stores::nessie).await.unwrap();
    let python =
        format!("RestCatalog('n', uri='{}', **{{'s3.access-key-id': 'a', 's3.secret-access-key': 'b'}})", nessie.url);
    // Nessie 0.99 takes it all the same.
    Lake::new(rest_config(&nessie.url), python)
}

/// A REST catalog at this URL whose tables lie in the S3 server of the shared Nessie, and a namespace of its own.
pub fn rest_config(uri: &str) -> Config {
    let mut config = Config::default();
    config.catalog.kind = CatalogKind::Rest;
    config.catalog.rest.uri = uri.to_owned();
    config.table.namespace = unique("web");
    config.storage = s3_storage(&stores::nessie().s3);
    config
}

/// Settings for an S3 server at this URL.
pub fn s3_storage(url: &str) -> StorageConfig {
    let mut config = StorageConfig { allow_http: true, ..StorageConfig::default() };
    config.s3.endpoint = Some(url.to_owned());
    config.s3.access_key_id = Some("key".to_owned());
    config.s3.secret_access_key = Some("secret".into());
    config
}
