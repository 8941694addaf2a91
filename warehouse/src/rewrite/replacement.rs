//! The change that puts data files in the place of others.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use iceberg::spec::{DataFile, ManifestContentType, ManifestEntryRef, ManifestFile, Operation};
use iceberg::table::Table;

use super::ManifestIndex;
use super::index::live_entries;
use crate::Error;
use crate::commit::{Change, Plan, SnapshotDraft, live_manifests};

/// Data files that take the place of others. Fails with `Replaced` when an old file is no longer in the table, when
/// rows may have been deleted from one since it was read, or when files are now partitioned differently.
pub(crate) struct Replacement<'a> {
    /// Paths of the old files.
    pub(crate) removed: HashSet<String>,
    /// The new files, of the partition spec `spec_id`.
    pub(crate) added: Vec<DataFile>,
    /// The table's default partition spec when the new files were written.
    pub(crate) spec_id: i32,
    /// The manifests of deleted rows when the old files were read.
    pub(crate) deletes_seen: &'a HashSet<String>,
    /// `Overwrite` when rows have changed, `Replace` when they have only moved.
    pub(crate) operation: Operation,
    /// What is known of the table's manifests.
    pub(crate) index: &'a mut ManifestIndex,
}

#[async_trait]
impl Plan for Replacement<'_> {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let manifests = live_manifests(table).await?;
        if table.metadata().default_partition_spec_id() != self.spec_id
            || deletes(&manifests).any(|manifest| !self.deletes_seen.contains(manifest))
        {
            return Err(Error::Replaced);
        }
        let (data, mut kept): (Vec<_>, Vec<_>) =
            manifests.into_iter().partition(|manifest| manifest.content == ManifestContentType::Data);
        let touched = self.index.listing(&data, &self.removed, table.file_io()).await?;
        let entries = self.entries(&touched, table).await?;
        let touched: HashSet<&str> = touched.iter().map(|manifest| manifest.manifest_path.as_str()).collect();
        kept.extend(data.into_iter().filter(|manifest| !touched.contains(manifest.manifest_path.as_str())));

        let mut draft = SnapshotDraft::new(table);
        let written = self.write(&mut draft, table, kept, &entries).await;
        draft.settle(written).await
    }
}

impl Replacement<'_> {
    /// The live entries of the manifests, by partition spec.
    async fn entries(
        &self,
        touched: &[ManifestFile],
        table: &Table,
    ) -> Result<BTreeMap<i32, Vec<ManifestEntryRef>>, Error> {
        let mut by_spec = BTreeMap::<i32, Vec<ManifestEntryRef>>::new();
        let mut found = HashSet::new();
        for manifest in touched {
            let entries = live_entries(manifest, table.file_io()).await?;
            found.extend(entries.iter().map(|entry| entry.file_path()).filter_map(|path| self.removed.get(path)));
            by_spec.entry(manifest.partition_spec_id).or_default().extend(entries);
        }
        if found.len() == self.removed.len() { Ok(by_spec) } else { Err(Error::Replaced) }
    }

    async fn write(
        &self,
        draft: &mut SnapshotDraft<'_>,
        table: &Table,
        mut manifests: Vec<ManifestFile>,
        entries: &BTreeMap<i32, Vec<ManifestEntryRef>>,
    ) -> Result<Change, Error> {
        for (spec_id, entries) in entries {
            let spec = table.metadata().partition_spec_by_id(*spec_id).ok_or(Error::Replaced)?;
            let is_removed = |file: &DataFile| self.removed.contains(file.file_path());
            manifests.push(draft.rewritten(spec, entries, is_removed).await?);
        }
        if !self.added.is_empty() {
            let spec = table.metadata().default_partition_spec();
            manifests.push(draft.added(self.added.clone(), spec).await?);
        }
        draft.finish(manifests, self.operation.clone()).await
    }
}

/// The manifests of deleted rows in the table's current snapshot.
pub(crate) async fn delete_manifests(table: &Table) -> Result<HashSet<String>, Error> {
    Ok(deletes(&live_manifests(table).await?).cloned().collect())
}

fn deletes(manifests: &[ManifestFile]) -> impl Iterator<Item = &String> {
    let deletes = manifests.iter().filter(|manifest| manifest.content == ManifestContentType::Deletes);
    deletes.map(|manifest| &manifest.manifest_path)
}
