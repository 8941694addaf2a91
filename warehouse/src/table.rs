//! The table `page_views`: opened or created, read for its positions, and appended to.

use std::path::Path;

use event::{Advance, Positions};
use iceberg::spec::{Schema, UnboundPartitionField, UnboundPartitionSpec};
use iceberg::{NamespaceIdent, TableCreation, TableIdent};

use crate::beginning::{Beginning, wordless};
use crate::commit::{Append, Carry, commit};
use crate::encoder::Shape;
use crate::files::{self, DataFiles};
use crate::layout::Arrangement;
use crate::property::PropertyColumn;
use crate::{Config, Error, Writer, columns, lineage, ownership, positions, schema};
use catalog::Catalog;

/// The table as it stood when it was opened, or after the last append.
pub struct Table {
    pub(crate) catalog: Catalog,
    pub(crate) table: iceberg::table::Table,
    pub(crate) config: Config,
}

impl Table {
    /// Opens the table whose catalog is `catalog.sqlite` in the data folder and whose files lie in `warehouse` beside
    /// it. Creates whatever is missing, columns that newer releases write among it.
    ///
    /// # Errors
    /// `Config` for settings or a folder that cannot be used; `Format` for a table of another format version; `Column`
    /// when somebody else's column has the name of a missing one; `DataFolder` when the table is another folder's;
    /// `PositionsUnknown` when another engine has left it open how far the table reaches; `Catalog` or `Iceberg` when
    /// catalog or files fail.
    pub async fn open(data_folder: &Path, config: &Config) -> Result<Self, Error> {
        let mut opened = Self::open_or_create(data_folder, config, page_views).await?;
        let properties = PropertyColumn::parse(&config.table.property_columns)?;
        let mut addition = columns::Addition { properties: &properties };
        opened.table = commit(&opened.catalog, &opened.table, &mut addition).await?;
        opened.table = commit(&opened.catalog, &opened.table, &mut Arrangement { config: &config.table }).await?;
        Ok(opened)
    }

    /// Opens a table, or creates it with this layout.
    pub(crate) async fn open_or_create(
        data_folder: &Path,
        config: &Config,
        layout: fn(&Config) -> Result<Layout, Error>,
    ) -> Result<Self, Error> {
        config.check(data_folder)?;
        let catalog = Catalog::open(data_folder, &config.of_catalog()).await?;
        catalog.check_writable().await?;
        let name = TableIdent::new(NamespaceIdent::new(config.table.namespace.clone()), config.table.name.clone());
        ownership::claim(data_folder, &catalog, &name).await?;
        create_if_missing(&name, &*catalog.iceberg().await?, config, layout).await?;
        let created = catalog.load(&name).await?;
        let table = commit(&catalog, &created, &mut Beginning { schema: &layout(config)?.schema }).await?;
        let table = commit(&catalog, &table, &mut Carry::ToSnapshots).await?;
        let mut config = config.clone();
        if config.files.spill_folder.as_os_str().is_empty() {
            config.files.spill_folder = data_folder.to_owned();
        }
        lineage::report(&table);
        Ok(Self { catalog, table, config })
    }

    /// The next offset of each partition of `topic` whose events the table holds.
    ///
    /// # Errors
    /// `Position` when one was spoilt; `PositionsUnknown` when another engine has changed the table so that it cannot be
    /// told.
    pub fn positions(&self, topic: &str) -> Result<Positions, Error> {
        positions::read(&lineage::standing(self.table.metadata())?.positions, topic)
    }

    /// A writer for the table's current schema.
    ///
    /// # Errors
    /// `Iceberg` when the table's schema or partition spec cannot be written.
    pub fn writer(&self) -> Result<Writer, Error> {
        let properties = PropertyColumn::parse(&self.config.table.property_columns)?;
        let shape = Shape { max_open: self.config.files.open_files, ..Shape::default() };
        Writer::new(&self.table, &self.config.files, shape)?.with_properties(&self.table, &properties)
    }

    /// Publishes the files and moves the positions, in one commit; durable when it returns. Without files it moves the
    /// positions alone. Commits that other engines make meanwhile are kept.
    ///
    /// # Errors
    /// `Moved` when the positions are not those that `advance` expects. After `Uncertain` it is unknown whether the
    /// commit happened: open the table again and ask for its positions. After any other, nothing has happened and the
    /// files are deleted.
    pub async fn append(&mut self, files: DataFiles, advance: &Advance) -> Result<(), Error> {
        if files.count() == 0 && advance.steps.is_empty() {
            return Ok(());
        }
        let locations: Vec<String> = files.0.iter().map(|file| file.file_path().to_owned()).collect();
        let spec_id = self.table.metadata().default_partition_spec_id();
        let mut append = Append { files: files.0, spec_id, advance };
        match commit(&self.catalog, &self.table, &mut append).await {
            Ok(table) => {
                self.table = table;
                Ok(())
            }
            Err(error) => {
                if !matches!(error, Error::Uncertain { .. }) {
                    files::delete(locations, self.table.file_io()).await;
                }
                Err(error)
            }
        }
    }
}

/// The lowest id of a field of a partition spec. Source: the Iceberg specification, "Partition Specs".
const FIRST_PARTITION_FIELD: i32 = 1000;

/// What a new table is made with.
pub(crate) struct Layout {
    pub(crate) schema: Schema,
    pub(crate) partitions: UnboundPartitionSpec,
}

fn page_views(_config: &Config) -> Result<Layout, Error> {
    Ok(Layout { schema: columns::of_new_table()?, partitions: schema::partition_spec()? })
}

async fn create_if_missing(
    name: &TableIdent,
    catalog: &dyn iceberg::Catalog,
    config: &Config,
    layout: fn(&Config) -> Result<Layout, Error>,
) -> Result<(), Error> {
    let exists = catalog.table_exists(name).await.map_err(Error::iceberg("look for the table"))?;
    if !exists {
        // Another process may create the same at this moment; then it fails here.
        if let Err(error) = create(catalog, name.namespace(), config, layout(config)?).await {
            let created = catalog.table_exists(name).await.map_err(Error::iceberg("look for the table"))?;
            if !created {
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn create(
    catalog: &dyn iceberg::Catalog,
    namespace: &NamespaceIdent,
    config: &Config,
    layout: Layout,
) -> Result<(), Error> {
    let has_namespace = catalog.namespace_exists(namespace).await.map_err(Error::iceberg("look for the namespace"))?;
    if !has_namespace && let Err(error) = catalog.create_namespace(namespace, [].into()).await {
        // Another process may have been first.
        let created = catalog.namespace_exists(namespace).await.map_err(Error::iceberg("look for the namespace"))?;
        if !created {
            return Err(Error::iceberg("create the namespace")(error));
        }
    }
    let properties = schema::properties(&config.files, &layout.schema);
    let creation = TableCreation::builder()
        .name(config.table.name.clone())
        .schema(wordless(&layout.schema)?)
        .partition_spec(numbered(&layout.partitions))
        .properties(properties)
        .build();
    let created = catalog.create_table(namespace, creation).await;
    created.map(drop).map_err(Error::iceberg("create the table"))
}

/// The spec with the ids of its fields, which Iceberg's protocol leaves to the catalog, and some catalogs demand.
fn numbered(spec: &UnboundPartitionSpec) -> UnboundPartitionSpec {
    let fields = spec.fields().iter().cloned().zip(FIRST_PARTITION_FIELD..);
    let fields = fields.map(|(field, id)| UnboundPartitionField { field_id: field.field_id.or(Some(id)), ..field });
    let builder = UnboundPartitionSpec::builder().with_spec_id(spec.spec_id().unwrap_or_default());
    builder.add_partition_fields(fields).map_or_else(|_same_names| spec.clone(), |builder| builder.build())
}
