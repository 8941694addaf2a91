//! A change as the REST protocol has it, with the ids that Iceberg's crate leaves to the catalog and some catalogs demand.

use iceberg::TableUpdate;
use iceberg::spec::TableMetadata;
use iceberg::table::Table;
use serde_json::{Value, json};

use super::Change;

pub(super) fn request(base: &Table, change: &Change) -> iceberg::Result<Value> {
    let mut updates = serde_json::to_value(&change.updates)?;
    for (told, update) in updates.as_array_mut().into_iter().flatten().zip(&change.updates) {
        give_ids(told, update, base.metadata());
    }
    Ok(json!({"identifier": base.identifier(), "requirements": change.requirements, "updates": updates}))
}

/// A change adds at most one of a kind, so the next free id is its own.
fn give_ids(told: &mut Value, update: &TableUpdate, table: &TableMetadata) {
    match update {
        TableUpdate::AddSchema { schema } => {
            told["last-column-id"] = schema.highest_field_id().max(table.last_column_id()).into();
            told["schema"]["schema-id"] = next(table.schemas_iter().map(|schema| schema.schema_id())).into();
        }
        TableUpdate::AddSortOrder { .. } => {
            told["sort-order"]["order-id"] = next(table.sort_orders_iter().map(|order| order.order_id)).into();
        }
        TableUpdate::AddSpec { .. } => {
            told["spec"]["spec-id"] = next(table.partition_specs_iter().map(|spec| spec.spec_id())).into();
            let fields = told["spec"]["fields"].as_array_mut().into_iter().flatten();
            for (field, id) in fields.zip(table.last_partition_id() + 1..) {
                if field["field-id"].is_null() {
                    field["field-id"] = id.into();
                }
            }
        }
        _ => {}
    }
}

fn next<T: Ord + Default + std::ops::Add<Output = T> + From<u8>>(ids: impl Iterator<Item = T>) -> T {
    ids.max().unwrap_or_default() + T::from(1)
}
