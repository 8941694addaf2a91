//! The table `page_views`: opened or created, read for its positions, and appended to.

use std::path::Path;

use event::{Advance, Positions};
use iceberg::spec::DataFile;
use iceberg::transaction::{ApplyTransactionAction, Transaction};
use iceberg::{Catalog, NamespaceIdent, TableCreation, TableIdent};

use crate::catalog::SqliteCatalog;
use crate::commit::commit;
use crate::fence::Fence;
use crate::files::{self, DataFiles};
use crate::{Config, Error, Writer, columns, positions, schema};

/// The table as it stood when it was opened, or after the last append.
pub struct Table {
    pub(crate) catalog: SqliteCatalog,
    pub(crate) table: iceberg::table::Table,
    pub(crate) config: Config,
}

impl Table {
    /// Opens the table whose catalog is `catalog.sqlite` in the data folder and whose files lie in `warehouse` beside
    /// it. Creates whatever is missing, columns that newer releases write among it.
    ///
    /// # Errors
    /// `Config` for settings or a folder that cannot be used; `Column` when somebody else's column has the name of a
    /// missing one; `Catalog` or `Iceberg` when catalog or files fail.
    pub async fn open(data_folder: &Path, config: &Config) -> Result<Self, Error> {
        config.check(data_folder)?;
        let catalog = SqliteCatalog::open(data_folder).await?;
        let name = create_if_missing(&catalog, config).await?;
        let table = commit(&catalog, &name, &mut columns::Addition).await?;
        Ok(Self { catalog, table, config: config.clone() })
    }

    /// The next offset of each partition of `topic` whose events the table holds.
    ///
    /// # Errors
    /// `Position` when a property that holds one was spoilt.
    pub fn positions(&self, topic: &str) -> Result<Positions, Error> {
        positions::read(self.table.metadata().properties(), topic)
    }

    /// A writer for the table's current schema.
    ///
    /// # Errors
    /// `Iceberg` when the table's schema or partition spec cannot be written.
    pub fn writer(&self) -> Result<Writer, Error> {
        Writer::new(&self.table, &self.config.files)
    }

    /// Publishes the files and moves the positions, in one commit; durable when it returns. Without files it moves the
    /// positions alone. Commits that other engines make meanwhile are kept.
    ///
    /// # Errors
    /// `Moved` when the positions are not those that `advance` expects; nothing was written and the files are deleted.
    /// After any other it may be unknown whether the commit happened: open the table again and ask for its positions.
    pub async fn append(&mut self, files: DataFiles, advance: &Advance) -> Result<(), Error> {
        if files.count() == 0 && advance.steps.is_empty() {
            return Ok(());
        }
        let locations: Vec<String> = files.0.iter().map(|file| file.file_path().to_owned()).collect();
        let fence = Fence::new(&self.catalog, advance);
        let result = match transaction(&self.table, files.0, advance) {
            Ok(transaction) => transaction.commit(&fence).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(table) => {
                self.table = table;
                Ok(())
            }
            Err(source) => {
                if !fence.outcome_unknown() {
                    files::delete(locations, self.table.file_io()).await;
                }
                Err(if fence.moved() { Error::Moved } else { Error::iceberg("commit to the table")(source) })
            }
        }
    }
}

/// Always a snapshot, even without files: the fence relies on it.
fn transaction(table: &iceberg::table::Table, files: Vec<DataFile>, advance: &Advance) -> iceberg::Result<Transaction> {
    let properties = positions::written_by(advance);
    let transaction = Transaction::new(table);
    let append = transaction
        .fast_append()
        // File names are new each time, and the check would read every manifest.
        .with_check_duplicate(false)
        .set_snapshot_properties(properties.clone())
        .add_data_files(files);
    let transaction = append.apply(transaction)?;
    // A snapshot's own properties are out of sight after anybody else's commit; the table's stay.
    let update = properties
        .into_iter()
        .fold(transaction.update_table_properties(), |update, (key, value)| update.set(key, value));
    update.apply(transaction)
}

async fn create_if_missing(catalog: &SqliteCatalog, config: &Config) -> Result<TableIdent, Error> {
    let namespace = NamespaceIdent::new(config.table.namespace.clone());
    let name = TableIdent::new(namespace.clone(), config.table.name.clone());
    let exists = catalog.iceberg.table_exists(&name).await.map_err(Error::iceberg("look for the table"))?;
    if !exists {
        // Another process may create the same at this moment; then it fails here.
        if let Err(error) = create(catalog, &namespace, config).await {
            let created = catalog.iceberg.table_exists(&name).await.map_err(Error::iceberg("look for the table"))?;
            if !created {
                return Err(error);
            }
        }
    }
    Ok(name)
}

async fn create(catalog: &SqliteCatalog, namespace: &NamespaceIdent, config: &Config) -> Result<(), Error> {
    let has_namespace =
        catalog.iceberg.namespace_exists(namespace).await.map_err(Error::iceberg("look for the namespace"))?;
    if !has_namespace {
        let created = catalog.iceberg.create_namespace(namespace, [].into()).await;
        created.map_err(Error::iceberg("create the namespace"))?;
    }
    let creation = TableCreation::builder()
        .name(config.table.name.clone())
        .schema(columns::of_new_table()?)
        .partition_spec(schema::partition_spec()?)
        .properties(schema::properties(&config.files))
        .build();
    let created = catalog.iceberg.create_table(namespace, creation).await;
    created.map(drop).map_err(Error::iceberg("create the table"))
}
