//! Which columns of a table are pageberg's, and the adding of those that it lacks.
//!
//! A column is known by its field id, so it may be renamed and moved. The ids of the first release are the same in
//! every table. A later column takes its id of `schema` where that is free, and the next free one where somebody else
//! has taken it; the table property `pageberg.column.NAME` tells which it is, for ever: a column that was dropped is
//! not added again. The same goes for the columns that the configuration makes of properties, which have no id but
//! what the table gives them and are told by `pageberg.property.NAME`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use iceberg::spec::{NestedField, NestedFieldRef, Schema, TableMetadata};
use iceberg::table::Table;
use iceberg::{TableRequirement, TableUpdate};

use crate::commit::{Change, Plan};
use crate::property::PropertyColumn;
use crate::{Error, schema};

/// The last field id of the first release. Iceberg numbers the columns of a new table by itself, so that a table is
/// made with these columns alone.
const LAST_OF_FIRST_RELEASE: i32 = schema::id::AS_ORG;

/// Asks for the schema that was added last.
pub(crate) const LAST_ADDED: i32 = -1;

/// The schema that a table is made with; [`Addition`] adds the rest.
pub(crate) fn of_new_table() -> Result<Schema, Error> {
    let columns = schema::page_views()?;
    let first = columns.as_struct().fields().iter().filter(|field| field.id <= LAST_OF_FIRST_RELEASE).cloned();
    Schema::builder().with_fields(first).build().map_err(Error::iceberg("build the schema"))
}

/// The columns of one table that are pageberg's.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnColumns {
    /// From the table's field ids to those of `schema`.
    ids: HashMap<i32, i32>,
    /// By the table's field ids.
    properties: HashMap<i32, PropertyColumn>,
}

impl OwnColumns {
    /// # Errors
    /// `Iceberg` when the columns of `schema` contradict each other.
    pub(crate) fn of(metadata: &TableMetadata, properties: &[PropertyColumn]) -> Result<Self, Error> {
        let later = later_columns()?;
        let ids = later.iter().filter_map(|column| Some((recorded(metadata, &own(&column.name))?, column.id)));
        let properties = properties
            .iter()
            .filter_map(|column| Some((recorded(metadata, &of_property(&column.name))?, column.clone())));
        Ok(Self { ids: ids.collect(), properties: properties.collect() })
    }

    /// The id in `schema` of the column that has the id `field` in the table; `None` when it is somebody else's.
    pub(crate) fn own_id(&self, field: i32) -> Option<i32> {
        if (1..=LAST_OF_FIRST_RELEASE).contains(&field) { Some(field) } else { self.ids.get(&field).copied() }
    }

    /// The property that is in the column with the id `field`.
    pub(crate) fn property(&self, field: i32) -> Option<&PropertyColumn> {
        self.properties.get(&field)
    }
}

/// The columns that came after the first release.
fn later_columns() -> Result<Vec<NestedFieldRef>, Error> {
    let columns = schema::page_views()?;
    let later = columns.as_struct().fields().iter().filter(|field| field.id > LAST_OF_FIRST_RELEASE).cloned();
    Ok(later.collect())
}

/// The table property that tells the id of one of pageberg's own columns.
fn own(column: &str) -> String {
    format!("pageberg.column.{column}")
}

/// The table property that tells the id of a column made of a property.
fn of_property(column: &str) -> String {
    format!("pageberg.property.{column}")
}

fn recorded(metadata: &TableMetadata, table_property: &str) -> Option<i32> {
    metadata.properties().get(table_property)?.parse().ok()
}

/// A column that a table is to have.
struct Wanted {
    field: NestedFieldRef,
    /// The table property that tells its id.
    recorded_as: String,
}

/// Adds the columns that the table lacks, without rewriting anything: in older files they are null.
pub(crate) struct Addition<'p> {
    /// The columns that are made of properties.
    pub(crate) properties: &'p [PropertyColumn],
}

#[async_trait]
impl Plan for Addition<'_> {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let metadata = table.metadata();
        check_types(metadata, self.properties)?;
        let later = later_columns()?.into_iter();
        let later = later.map(|field| Wanted { recorded_as: own(&field.name), field });
        let properties = self.properties.iter();
        let properties =
            properties.map(|column| Wanted { recorded_as: of_property(&column.name), field: column.field() });
        addition(metadata, &later.chain(properties).collect::<Vec<_>>())
    }
}

/// That the columns of properties have still the types that the configuration gives them.
fn check_types(metadata: &TableMetadata, properties: &[PropertyColumn]) -> Result<(), Error> {
    for column in properties {
        let recorded = recorded(metadata, &of_property(&column.name));
        if let Some(found) = recorded.and_then(|id| metadata.current_schema().field_by_id(id)) {
            adopted(found, &column.field())?;
        }
    }
    Ok(())
}

fn addition(metadata: &TableMetadata, wanted: &[Wanted]) -> Result<Option<Change>, Error> {
    let current = metadata.current_schema();
    let highest = wanted.iter().map(|wanted| wanted.field.id).max().unwrap_or_default();
    let mut next_free = metadata.last_column_id().max(highest);
    let (mut added, mut properties) = (Vec::new(), HashMap::new());
    for Wanted { field: column, recorded_as } in wanted {
        if recorded(metadata, recorded_as).is_some() {
            continue;
        }
        let id = match current.field_by_name(&column.name) {
            Some(found) => adopted(found, column)?,
            None if column.id > metadata.last_column_id() => {
                added.push(column.clone());
                column.id
            }
            None => {
                next_free += 1;
                added.push(Arc::new(NestedField { id: next_free, ..column.as_ref().clone() }));
                next_free
            }
        };
        properties.insert(recorded_as.clone(), id.to_string());
    }
    if properties.is_empty() {
        return Ok(None);
    }
    let schema = current.as_ref().clone().into_builder().with_fields(added);
    let schema = schema.build().map_err(Error::iceberg("add columns to the schema"))?;
    Ok(Some(Change {
        requirements: vec![
            TableRequirement::UuidMatch { uuid: metadata.uuid() },
            TableRequirement::CurrentSchemaIdMatch { current_schema_id: metadata.current_schema_id() },
            TableRequirement::LastAssignedFieldIdMatch { last_assigned_field_id: metadata.last_column_id() },
        ],
        updates: vec![
            TableUpdate::AddSchema { schema },
            TableUpdate::SetCurrentSchema { schema_id: LAST_ADDED },
            TableUpdate::SetProperties { updates: properties },
        ],
        files: Vec::new(),
    }))
}

/// A column of the same name and type that is there already is taken as pageberg's.
fn adopted(found: &NestedField, column: &NestedField) -> Result<i32, Error> {
    if found.field_type == column.field_type && !found.required {
        return Ok(found.id);
    }
    Err(Error::Column { name: column.name.clone(), found: found.field_type.to_string() })
}

#[cfg(test)]
mod tests {
    use iceberg::TableCreation;
    use iceberg::spec::{PrimitiveType, TableMetadataBuilder, Type};

    use super::*;

    fn optional(id: i32, name: &str, kind: PrimitiveType) -> NestedFieldRef {
        NestedField::optional(id, name, Type::Primitive(kind)).into()
    }

    fn new_table() -> TableMetadata {
        let creation = TableCreation::builder()
            .name("page_views".to_owned())
            .location("file:///data/page_views".to_owned())
            .schema(of_new_table().unwrap())
            .partition_spec(schema::partition_spec().unwrap())
            .build();
        TableMetadataBuilder::from_table_creation(creation).unwrap().build().unwrap().metadata
    }

    fn updated(metadata: TableMetadata, updates: Vec<TableUpdate>) -> TableMetadata {
        let mut builder = metadata.into_builder(None);
        for update in updates {
            builder = update.apply(builder).unwrap();
        }
        builder.build().unwrap().metadata
    }

    /// The table after somebody else changed its columns.
    fn with_columns(metadata: TableMetadata, change: impl FnOnce(&mut Vec<NestedFieldRef>)) -> TableMetadata {
        let mut fields = metadata.current_schema().as_struct().fields().to_vec();
        change(&mut fields);
        let schema = Schema::builder().with_fields(fields).build().unwrap();
        updated(metadata, vec![TableUpdate::AddSchema { schema }, TableUpdate::SetCurrentSchema { schema_id: -1 }])
    }

    fn with_ours(metadata: TableMetadata) -> TableMetadata {
        let change = addition(&metadata, &ours()).unwrap().expect("columns are missing");
        change.requirements.iter().for_each(|required| required.check(Some(&metadata)).unwrap());
        updated(metadata, change.updates)
    }

    fn ours() -> Vec<Wanted> {
        let wanted = |field: NestedFieldRef| Wanted { recorded_as: own(&field.name), field };
        vec![
            wanted(optional(34, "browser", PrimitiveType::String)),
            wanted(optional(35, "is_bot", PrimitiveType::Boolean)),
        ]
    }

    fn id_of(metadata: &TableMetadata, name: &str) -> Option<i32> {
        metadata.current_schema().field_id_by_name(name)
    }

    #[test]
    fn later_columns_can_be_added_to_a_table_with_rows() {
        assert!(later_columns().unwrap().iter().all(|column| !column.required && column.field_type.is_primitive()));
        let names: std::collections::HashSet<String> =
            later_columns().unwrap().iter().map(|column| column.name.clone()).collect();
        assert_eq!(names.len(), later_columns().unwrap().len());
    }

    #[test]
    fn missing_columns_take_their_own_ids_once() {
        let table = with_ours(new_table());
        assert_eq!([id_of(&table, "browser"), id_of(&table, "is_bot")], [Some(34), Some(35)]);
        assert_eq!((table.last_column_id(), table.current_schema().as_struct().fields().len()), (35, 22));
        assert!(addition(&table, &ours()).unwrap().is_none());
    }

    #[test]
    fn an_id_that_somebody_else_took_is_left_to_them() {
        let theirs = with_columns(new_table(), |fields| fields.push(optional(34, "campaign", PrimitiveType::String)));
        let table = with_ours(theirs);
        assert_eq!([id_of(&table, "campaign"), id_of(&table, "browser")], [Some(34), Some(36)]);
        assert_eq!(id_of(&table, "is_bot"), Some(35));
        assert_eq!(recorded(&table, &own("browser")), Some(36));
        assert!(addition(&table, &ours()).unwrap().is_none());
    }

    #[test]
    fn a_column_of_the_right_name_and_type_is_taken_and_one_of_another_type_is_refused() {
        let named = |kind| with_columns(new_table(), move |fields| fields.push(optional(40, "browser", kind)));
        let table = with_ours(named(PrimitiveType::String));
        assert_eq!((recorded(&table, &own("browser")), recorded(&table, &own("is_bot"))), (Some(40), Some(41)));
        let refused = addition(&named(PrimitiveType::Long), &ours());
        assert!(matches!(refused, Err(Error::Column { name, .. }) if name == "browser"));
    }

    #[test]
    fn a_column_that_was_renamed_stays_ours_and_one_that_was_dropped_stays_dropped() {
        let table = with_columns(with_ours(new_table()), |fields| {
            fields.retain(|field| field.name != "is_bot");
            fields.retain(|field| field.name != "browser");
            fields.push(optional(34, "agent", PrimitiveType::String));
        });
        assert!(addition(&table, &ours()).unwrap().is_none());
        assert_eq!([recorded(&table, &own("browser")), id_of(&table, "is_bot")], [Some(34), None]);
    }
}
