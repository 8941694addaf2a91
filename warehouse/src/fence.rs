//! A catalog for one commit only: it lets the commit through while the table's positions are the expected ones.
//!
//! Iceberg loads the table again before each attempt and rebases onto whatever it finds; so the positions are checked
//! in each load. Commits by other engines do not move them and are rebased onto. Between load and update nobody can
//! move the positions unnoticed, because every commit of pageberg's makes a snapshot, and an update holds only on the
//! snapshot that was loaded.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use event::Advance;
use iceberg::table::Table;
use iceberg::{Catalog, Error, ErrorKind, Namespace, NamespaceIdent, Result, TableCommit, TableCreation, TableIdent};

use crate::catalog::SqliteCatalog;
use crate::positions;

/// See the module. Tells after a failure whether it was the fence, and whether the commit may have happened.
#[derive(Debug)]
pub(crate) struct Fence<'a> {
    catalog: &'a SqliteCatalog,
    advance: &'a Advance,
    moved: AtomicBool,
    unknown: AtomicBool,
}

impl<'a> Fence<'a> {
    pub(crate) fn new(catalog: &'a SqliteCatalog, advance: &'a Advance) -> Self {
        Self { catalog, advance, moved: AtomicBool::new(false), unknown: AtomicBool::new(false) }
    }

    /// Whether the positions were not the expected ones.
    pub(crate) fn moved(&self) -> bool {
        self.moved.load(Ordering::Relaxed)
    }

    /// Whether an update was sent and not clearly refused.
    pub(crate) fn outcome_unknown(&self) -> bool {
        self.unknown.load(Ordering::Relaxed)
    }

    fn check(&self, table: &Table) -> Result<()> {
        let stored = positions::read(table.metadata().properties(), &self.advance.topic)
            .map_err(|error| Error::new(ErrorKind::DataInvalid, error.to_string()))?;
        if self.advance.follows(&stored) {
            return Ok(());
        }
        self.moved.store(true, Ordering::Relaxed);
        Err(Error::new(ErrorKind::PreconditionFailed, "the positions are not the expected ones"))
    }

    async fn confirm(&self, table: Table) -> Result<Table> {
        if self.catalog.holds(&table).await? {
            return Ok(table);
        }
        Err(Error::new(ErrorKind::Unexpected, "the catalog does not hold what was committed"))
    }
}

#[async_trait]
impl Catalog for Fence<'_> {
    async fn load_table(&self, table: &TableIdent) -> Result<Table> {
        let table = self.catalog.iceberg.load_table(table).await?;
        self.check(&table)?;
        Ok(table)
    }

    async fn update_table(&self, commit: TableCommit) -> Result<Table> {
        self.unknown.store(true, Ordering::Relaxed);
        let result = match self.catalog.iceberg.update_table(commit).await {
            Ok(table) => self.confirm(table).await,
            Err(error) => Err(error),
        };
        let refused = matches!(&result, Err(error) if error.kind() == ErrorKind::CatalogCommitConflicts);
        self.unknown.store(result.is_err() && !refused, Ordering::Relaxed);
        result
    }

    async fn list_namespaces(&self, parent: Option<&NamespaceIdent>) -> Result<Vec<NamespaceIdent>> {
        self.catalog.iceberg.list_namespaces(parent).await
    }

    async fn create_namespace(&self, name: &NamespaceIdent, properties: HashMap<String, String>) -> Result<Namespace> {
        self.catalog.iceberg.create_namespace(name, properties).await
    }

    async fn get_namespace(&self, name: &NamespaceIdent) -> Result<Namespace> {
        self.catalog.iceberg.get_namespace(name).await
    }

    async fn namespace_exists(&self, name: &NamespaceIdent) -> Result<bool> {
        self.catalog.iceberg.namespace_exists(name).await
    }

    async fn update_namespace(&self, name: &NamespaceIdent, properties: HashMap<String, String>) -> Result<()> {
        self.catalog.iceberg.update_namespace(name, properties).await
    }

    async fn drop_namespace(&self, name: &NamespaceIdent) -> Result<()> {
        self.catalog.iceberg.drop_namespace(name).await
    }

    async fn list_tables(&self, namespace: &NamespaceIdent) -> Result<Vec<TableIdent>> {
        self.catalog.iceberg.list_tables(namespace).await
    }

    async fn create_table(&self, namespace: &NamespaceIdent, creation: TableCreation) -> Result<Table> {
        self.catalog.iceberg.create_table(namespace, creation).await
    }

    async fn drop_table(&self, table: &TableIdent) -> Result<()> {
        self.catalog.iceberg.drop_table(table).await
    }

    async fn purge_table(&self, table: &TableIdent) -> Result<()> {
        self.catalog.iceberg.purge_table(table).await
    }

    async fn table_exists(&self, table: &TableIdent) -> Result<bool> {
        self.catalog.iceberg.table_exists(table).await
    }

    async fn rename_table(&self, from: &TableIdent, to: &TableIdent) -> Result<()> {
        self.catalog.iceberg.rename_table(from, to).await
    }

    async fn register_table(&self, table: &TableIdent, metadata_location: String) -> Result<Table> {
        self.catalog.iceberg.register_table(table, metadata_location).await
    }
}
