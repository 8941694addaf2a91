//! The manifests that a new snapshot stands upon.

use iceberg::spec::ManifestFile;
use iceberg::table::Table;

use crate::Error;

/// The manifests of the current snapshot that list files; not those that only tell which were removed before.
pub(crate) async fn live_manifests(table: &Table) -> Result<Vec<ManifestFile>, Error> {
    let Some(snapshot) = table.metadata().current_snapshot() else { return Ok(Vec::new()) };
    let list = table.manifest_list_reader(snapshot).load().await.map_err(Error::iceberg("read a manifest list"))?;
    let is_live = |manifest: &ManifestFile| manifest.has_added_files() || manifest.has_existing_files();
    Ok(list.consume_entries().into_iter().filter(is_live).collect())
}
