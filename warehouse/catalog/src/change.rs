//! A change of a table, told in the words of the REST catalog protocol.

use iceberg::spec::TableMetadata;
use iceberg::{TableRequirement, TableUpdate};

/// What one commit changes.
#[derive(Debug)]
pub struct Change {
    /// What must hold of the table.
    pub requirements: Vec<TableRequirement>,
    /// What then happens to its metadata.
    pub updates: Vec<TableUpdate>,
    /// Locations of files that were written for this change alone; deleted when it certainly did not happen.
    pub files: Vec<String>,
}

impl Change {
    /// Whether the table is, or was, as the change makes it: asked when the answer to it was lost. A snapshot says it all,
    /// for its number is the change's own; without one, every other trace must be there.
    pub fn is_in(&self, table: &TableMetadata) -> bool {
        let added = self.updates.iter().find_map(|update| match update {
            TableUpdate::AddSnapshot { snapshot } => Some(snapshot.snapshot_id()),
            _ => None,
        });
        match added {
            Some(id) => table.snapshot_by_id(id).is_some(),
            None => self.updates.iter().all(|update| has_left_its_trace(update, table)),
        }
    }

    /// Whether the table is no longer as the change requires, so that the change can never happen if it has not.
    pub fn is_overtaken(&self, table: &TableMetadata) -> bool {
        self.requirements.iter().any(|required| required.check(Some(table)).is_err())
    }
}

/// Whether the table shows what the update makes of it. Of an update that no change of pageberg's makes, nobody knows.
fn has_left_its_trace(update: &TableUpdate, table: &TableMetadata) -> bool {
    match update {
        TableUpdate::SetProperties { updates } => {
            updates.iter().all(|(key, value)| table.properties().get(key) == Some(value))
        }
        TableUpdate::RemoveProperties { removals } => removals.iter().all(|key| !table.properties().contains_key(key)),
        TableUpdate::AddSchema { schema } => table.schemas_iter().any(|held| held.as_struct() == schema.as_struct()),
        TableUpdate::RemoveSnapshots { snapshot_ids } => {
            snapshot_ids.iter().all(|id| table.snapshot_by_id(*id).is_none())
        }
        // These stand beside an update of the ones above, and say no more.
        TableUpdate::SetCurrentSchema { .. }
        | TableUpdate::RemoveStatistics { .. }
        | TableUpdate::RemovePartitionStatistics { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use iceberg::TableCreation;
    use iceberg::spec::{NestedField, PrimitiveType, Schema, TableMetadataBuilder, Type};

    use super::*;

    fn schema(columns: &[&str]) -> Schema {
        let field = |(id, name): (usize, &&str)| {
            NestedField::optional(id as i32 + 1, *name, Type::Primitive(PrimitiveType::String)).into()
        };
        Schema::builder().with_fields(columns.iter().enumerate().map(field)).build().unwrap()
    }

    fn table() -> TableMetadata {
        let creation = TableCreation::builder()
            .name("t".to_owned())
            .location("file:///t".to_owned())
            .schema(schema(&["url"]))
            .build();
        TableMetadataBuilder::from_table_creation(creation).unwrap().build().unwrap().metadata
    }

    fn after(table: TableMetadata, updates: &[TableUpdate]) -> TableMetadata {
        let mut builder = table.into_builder(None);
        for update in updates {
            builder = update.clone().apply(builder).unwrap();
        }
        builder.build().unwrap().metadata
    }

    fn change(updates: Vec<TableUpdate>) -> Change {
        let current_schema_id = table().current_schema_id();
        let requirements = vec![TableRequirement::CurrentSchemaIdMatch { current_schema_id }];
        Change { requirements, updates, files: Vec::new() }
    }

    #[test]
    fn a_change_of_columns_and_properties_is_found_to_have_happened_or_not() {
        let column = change(vec![
            TableUpdate::AddSchema { schema: schema(&["url", "host"]) },
            TableUpdate::SetCurrentSchema { schema_id: -1 },
            TableUpdate::SetProperties { updates: [("column.host".to_owned(), "2".to_owned())].into() },
        ]);
        assert!(!column.is_in(&table()) && !column.is_overtaken(&table()));
        let half = after(table(), &column.updates[..2]);
        assert!(!column.is_in(&half), "somebody else has added the column");
        let whole = after(table(), &column.updates);
        assert!(column.is_in(&whole) && column.is_overtaken(&whole));
        assert!(!change(vec![TableUpdate::SetLocation { location: "file:///t".to_owned() }]).is_in(&table()));
    }

    #[test]
    fn snapshots_that_are_gone_show_that_their_removal_has_happened() {
        assert!(change(vec![TableUpdate::RemoveSnapshots { snapshot_ids: vec![1, 2] }]).is_in(&table()));
    }
}
