//! What the handlers share: the catalog, opened when it is first needed, and how many tables are read at a time.

use std::path::{Path, PathBuf};

use iceberg::table::Table;
use iceberg::{ErrorKind, Namespace, NamespaceIdent, TableIdent};
use tokio::sync::{OnceCell, Semaphore};

use super::RestConfig;
use super::refusal::Refusal;
use crate::catalog::Catalog;
use crate::{Config, Error};

/// Tables that are loaded at the same time: the metadata of each may take some megabytes.
const CONCURRENT_LOADS: usize = 4;

/// The catalog, and what clients are told beside its answers.
pub(super) struct Served {
    data_folder: PathBuf,
    warehouse: Config,
    opened: OnceCell<Catalog>,
    loads: Semaphore,
    pub(super) config: RestConfig,
}

impl Served {
    pub(super) fn new(data_folder: &Path, warehouse: &Config, config: &RestConfig) -> Self {
        Self {
            data_folder: data_folder.to_owned(),
            warehouse: warehouse.clone(),
            opened: OnceCell::new(),
            loads: Semaphore::new(CONCURRENT_LOADS),
            config: config.clone(),
        }
    }

    async fn catalog(&self) -> Result<&dyn iceberg::Catalog, Refusal> {
        let opened = self.opened.get_or_try_init(|| Catalog::open(&self.data_folder, &self.warehouse)).await;
        opened.map(Catalog::iceberg).map_err(|error| Refusal::unavailable(&error))
    }

    /// What the catalog lists below `parent`.
    pub(super) async fn namespaces(&self, parent: Option<&NamespaceIdent>) -> Result<Vec<NamespaceIdent>, Refusal> {
        let listed = self.catalog().await?.list_namespaces(parent).await;
        listed.map_err(|error| match parent {
            Some(parent) => refusal(error, Refusal::no_such_namespace(parent), "list the namespaces"),
            None => Refusal::unavailable(&Error::iceberg("list the namespaces")(error)),
        })
    }

    /// The namespace with its properties.
    pub(super) async fn namespace(&self, name: &NamespaceIdent) -> Result<Namespace, Refusal> {
        let found = self.catalog().await?.get_namespace(name).await;
        found.map_err(|error| refusal(error, Refusal::no_such_namespace(name), "look for the namespace"))
    }

    /// All tables of the namespace.
    pub(super) async fn tables(&self, namespace: &NamespaceIdent) -> Result<Vec<TableIdent>, Refusal> {
        let listed = self.catalog().await?.list_tables(namespace).await;
        listed.map_err(|error| refusal(error, Refusal::no_such_namespace(namespace), "list the tables"))
    }

    /// Fails when the table does not exist.
    pub(super) async fn find_table(&self, name: &TableIdent) -> Result<(), Refusal> {
        match self.catalog().await?.table_exists(name).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::no_such_table(name)),
            Err(error) => Err(refusal(error, Refusal::no_such_table(name), "look for the table")),
        }
    }

    /// What `read` makes of the table as it is now.
    pub(super) async fn table<T>(&self, name: &TableIdent, read: impl FnOnce(Table) -> T) -> Result<T, Refusal> {
        let catalog = self.catalog().await?;
        let _permit = self.loads.acquire().await.expect("nobody closes it");
        let loaded = catalog.load_table(name).await;
        loaded.map(read).map_err(|error| refusal(error, Refusal::no_such_table(name), "load the table"))
    }
}

/// `missing` when there is no such thing; any other error is the catalog's or that of the files behind it.
fn refusal(error: iceberg::Error, missing: Refusal, action: &'static str) -> Refusal {
    match error.kind() {
        ErrorKind::NamespaceNotFound | ErrorKind::TableNotFound => missing,
        _ => Refusal::unavailable(&Error::iceberg(action)(error)),
    }
}
