//! The layout of a table as configured: given to a table without rows, and demanded of one that has some.

use async_trait::async_trait;
use iceberg::spec::{MAIN_BRANCH, SnapshotRef};
use iceberg::table::Table;
use iceberg::{TableRequirement, TableUpdate};

use super::partition_by::PartitionBy;
use super::sorting::missing_sort_order;
use crate::commit::{Change, Plan};
use crate::{Error, TableConfig};

/// Asks for the partition spec that was added last.
const LAST_ADDED: i32 = -1;

/// Gives the table what it lacks of its layout.
///
/// The order of rows is only declared, not made the table's default: files tell that they are sorted, and other engines
/// that cannot sort go on writing. The partition spec is changed only while there is no row.
pub(crate) struct Arrangement<'c> {
    pub(crate) config: &'c TableConfig,
}

#[async_trait]
impl Plan for Arrangement<'_> {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let metadata = table.metadata();
        let mut updates = Vec::new();
        let mut requirements = vec![
            TableRequirement::UuidMatch { uuid: metadata.uuid() },
            TableRequirement::CurrentSchemaIdMatch { current_schema_id: metadata.current_schema_id() },
        ];
        if let Some(sort_order) = missing_sort_order(metadata)? {
            updates.push(TableUpdate::AddSortOrder { sort_order });
        }
        if let Some(asked) = self.other_partitions(table)? {
            let spec = asked.spec(metadata.current_schema())?;
            updates.extend([TableUpdate::AddSpec { spec }, TableUpdate::SetDefaultSpec { spec_id: LAST_ADDED }]);
            requirements.extend([
                TableRequirement::RefSnapshotIdMatch {
                    r#ref: MAIN_BRANCH.to_owned(),
                    snapshot_id: metadata.current_snapshot_id(),
                },
                TableRequirement::DefaultSpecIdMatch { default_spec_id: metadata.default_partition_spec_id() },
            ]);
        }
        Ok((!updates.is_empty()).then(|| Change { requirements, updates, files: Vec::new() }))
    }
}

impl Arrangement<'_> {
    /// What the configuration asks for when the table is not partitioned so.
    ///
    /// # Errors
    /// `Config` when the table has had rows, `Config` also when it cannot be partitioned so.
    fn other_partitions(&self, table: &Table) -> Result<Option<PartitionBy>, Error> {
        let (metadata, name) = (table.metadata(), table.identifier());
        let was_written = metadata.snapshots().any(has_files);
        let asked = match &self.config.partition_by {
            Some(asked) => PartitionBy::parse(asked)?,
            None if was_written => return Ok(None),
            None => PartitionBy::day(),
        };
        let present = PartitionBy::of(metadata.default_partition_spec(), metadata.current_schema())?;
        if asked == present {
            return Ok(None);
        }
        if was_written {
            return Err(Error::Config(format!(
                "the table {name} holds rows and is partitioned by {present}, not by {asked} as table.partition_by says, \
                 and rows in it are not moved. Either set table.partition_by = {present}, or leave it out, and go on as \
                 before; or give table.name a new name and fill that table from the log or by an import; or change the \
                 partitions of this one with another engine, as Spark does by ALTER TABLE … ADD PARTITION FIELD: then \
                 new files follow the new partitions and old files stay as they are"
            )));
        }
        Ok(Some(asked))
    }
}

/// Whether it has data files, as far as it tells.
fn has_files(snapshot: &SnapshotRef) -> bool {
    let total = snapshot.summary().additional_properties.get("total-data-files");
    total.is_none_or(|files| files != "0")
}
