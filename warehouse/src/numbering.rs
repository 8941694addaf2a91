//! The ids of a new table's columns. Iceberg leaves them to the catalog, and not all count in the same order.

use std::collections::HashSet;

use async_trait::async_trait;
use iceberg::spec::{MAIN_BRANCH, Schema};
use iceberg::table::Table;
use iceberg::{TableRequirement, TableUpdate};

use crate::Error;
use crate::commit::{Change, Plan};

/// Asks for the schema that was added last.
const LAST_ADDED: i32 = -1;

/// Gives the columns of a table without rows the ids that they were meant to have. A table with other columns, or with
/// rows, is left as it is.
pub(crate) struct Numbering<'s> {
    pub(crate) schema: &'s Schema,
}

#[async_trait]
impl Plan for Numbering<'_> {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let metadata = table.metadata();
        let (current, meant) = (metadata.current_schema().field_id_to_name_map(), self.schema.field_id_to_name_map());
        let has_rows = metadata.snapshots().next().is_some();
        let is_other = current.values().collect::<HashSet<_>>() != meant.values().collect();
        if has_rows || is_other || current == meant {
            return Ok(None);
        }
        Ok(Some(Change {
            requirements: vec![
                TableRequirement::UuidMatch { uuid: metadata.uuid() },
                TableRequirement::CurrentSchemaIdMatch { current_schema_id: metadata.current_schema_id() },
                TableRequirement::RefSnapshotIdMatch { r#ref: MAIN_BRANCH.to_owned(), snapshot_id: None },
            ],
            updates: vec![
                TableUpdate::AddSchema { schema: self.schema.clone() },
                TableUpdate::SetCurrentSchema { schema_id: LAST_ADDED },
            ],
            files: Vec::new(),
        }))
    }
}
