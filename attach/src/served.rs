//! What the handlers share: the catalog, opened when it is first needed, and how many tables are read at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use iceberg::table::Table;
use iceberg::{Namespace, NamespaceIdent, TableIdent};
use tokio::sync::{OnceCell, Semaphore};

use crate::RestConfig;
use crate::refusal::Refusal;
use warehouse::{Catalog, Config, Error, is_absence};

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

    async fn catalog(&self) -> Result<&Catalog, Refusal> {
        let opened = self.opened.get_or_try_init(|| self.open()).await;
        opened.map_err(|error| Refusal::unavailable(&error))
    }

    async fn open(&self) -> Result<Catalog, warehouse::Error> {
        Catalog::open(&self.data_folder, &self.warehouse.of_catalog()).await
    }

    async fn iceberg(&self) -> Result<Arc<dyn iceberg::Catalog>, Refusal> {
        self.catalog().await?.iceberg().await.map_err(|error| Refusal::unavailable(&error))
    }

    /// What the catalog lists below `parent`.
    pub(super) async fn namespaces(&self, parent: Option<&NamespaceIdent>) -> Result<Vec<NamespaceIdent>, Refusal> {
        let listed = self.iceberg().await?.list_namespaces(parent).await;
        self.found(listed, "list the namespaces", || match parent {
            Some(parent) => Refusal::no_such_namespace(parent),
            None => Refusal::no_such_endpoint(),
        })
        .await
    }

    /// The namespace with its properties.
    pub(super) async fn namespace(&self, name: &NamespaceIdent) -> Result<Namespace, Refusal> {
        let found = self.iceberg().await?.get_namespace(name).await;
        self.found(found, "look for the namespace", || Refusal::no_such_namespace(name)).await
    }

    /// All tables of the namespace.
    pub(super) async fn tables(&self, namespace: &NamespaceIdent) -> Result<Vec<TableIdent>, Refusal> {
        let listed = self.iceberg().await?.list_tables(namespace).await;
        self.found(listed, "list the tables", || Refusal::no_such_namespace(namespace)).await
    }

    /// Fails when the table does not exist.
    pub(super) async fn find_table(&self, name: &TableIdent) -> Result<(), Refusal> {
        let exists = self.iceberg().await?.table_exists(name).await;
        let exists = self.found(exists, "look for the table", || Refusal::no_such_table(name)).await?;
        if exists { Ok(()) } else { Err(Refusal::no_such_table(name)) }
    }

    /// What `read` makes of the table as it is now.
    pub(super) async fn table<T>(&self, name: &TableIdent, read: impl FnOnce(Table) -> T) -> Result<T, Refusal> {
        let catalog = self.catalog().await?;
        let _permit = self.loads.acquire().await.expect("nobody closes it");
        let found = catalog.find(name).await.map_err(|error| Refusal::unavailable(&error))?;
        found.map(read).ok_or_else(|| Refusal::no_such_table(name))
    }

    /// What was asked for; `missing` when there is no such thing. Any other error is the catalog's or that of the files
    /// behind it.
    async fn found<T>(
        &self,
        answer: iceberg::Result<T>,
        action: &'static str,
        missing: impl FnOnce() -> Refusal,
    ) -> Result<T, Refusal> {
        match answer {
            Ok(found) => Ok(found),
            Err(error) if is_absence(&error) => Err(missing()),
            Err(error) => {
                self.catalog().await?.distrust().await;
                Err(Refusal::unavailable(&Error::Iceberg { action, source: Box::new(error) }))
            }
        }
    }
}
