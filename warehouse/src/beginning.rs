//! How a table begins: its columns get their ids and words, and it gets a first snapshot, in one commit.
//!
//! Iceberg leaves the ids of a new table's columns to the catalog, and not all count in the same order. And not all
//! catalogs refuse a first snapshot to a table that has one meanwhile (Nessie 0.99), so that of two writers which begin
//! at the same time one would lose rows. All of them guard a change of the columns, and therefore a table is
//! made without the words on its columns: they come along with a snapshot that is still empty.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use iceberg::spec::{NestedField, Operation, Schema, TableMetadata};
use iceberg::table::Table;
use iceberg::{TableRequirement, TableUpdate};

use crate::Error;
use crate::columns::LAST_ADDED;
use crate::commit::{Change, Plan, SnapshotDraft};

/// The schema to make a table with, so that its [`Beginning`] changes it.
pub(crate) fn wordless(meant: &Schema) -> Result<Schema, Error> {
    let fields = meant.as_struct().fields().iter();
    let fields = fields.map(|field| Arc::new(NestedField { doc: None, ..field.as_ref().clone() }));
    Schema::builder().with_fields(fields).build().map_err(Error::iceberg("build the schema"))
}

/// Gives a table without a snapshot its first one, and its columns the ids and words that they were meant to have. A
/// table with other columns keeps them.
pub(crate) struct Beginning<'s> {
    pub(crate) schema: &'s Schema,
}

#[async_trait]
impl Plan for Beginning<'_> {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let metadata = table.metadata();
        if metadata.snapshots().next().is_some() {
            return Ok(None);
        }
        let mut draft = SnapshotDraft::new(table);
        let (mut requirements, mut updates) = (Vec::new(), Vec::new());
        if self.is_meant_by(metadata.current_schema()) {
            let schema = self.schema.clone().into_builder().with_schema_id(next_schema_id(metadata)).build();
            let schema = schema.map_err(Error::iceberg("build the schema"))?;
            draft = draft.of_schema(schema.schema_id());
            requirements
                .push(TableRequirement::CurrentSchemaIdMatch { current_schema_id: metadata.current_schema_id() });
            updates.push(TableUpdate::AddSchema { schema });
            updates.push(TableUpdate::SetCurrentSchema { schema_id: LAST_ADDED });
        }
        let first = draft.finish(Vec::new(), Operation::Append).await;
        let Some(mut change) = draft.settle(first).await? else { return Ok(None) };
        change.requirements.append(&mut requirements);
        updates.append(&mut change.updates);
        Ok(Some(Change { updates, ..change }))
    }
}

impl Beginning<'_> {
    /// Whether the table has these columns and no others, but not yet as they were meant.
    fn is_meant_by(&self, current: &Schema) -> bool {
        let names = |schema: &Schema| schema.field_id_to_name_map().values().cloned().collect::<HashSet<_>>();
        current.as_struct() != self.schema.as_struct() && names(current) == names(self.schema)
    }
}

fn next_schema_id(metadata: &TableMetadata) -> i32 {
    metadata.schemas_iter().map(|schema| schema.schema_id()).max().unwrap_or_default() + 1
}
