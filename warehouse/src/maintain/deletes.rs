//! Files that tell of deleted rows are taken out of the table once they apply to no data file any more.
//!
//! Such a file applies to the data files of its partition that were committed before it or with it, and never to later
//! ones (Iceberg specification, "Scan Planning"). Compaction rewrites the former in time.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use iceberg::spec::{ManifestContentType, ManifestEntryRef, ManifestFile, Operation, Struct};
use iceberg::table::Table;

use super::Run;
use crate::Error;
use crate::commit::{Change, Plan, SnapshotDraft, commit, live_manifests};
use crate::rewrite::live_entries;

impl Run<'_> {
    /// Drops the files of deleted rows that apply to nothing.
    pub(super) async fn drop_deletes(&mut self) -> Result<(), Error> {
        let mut obsolete = Obsolete { files: HashSet::new() };
        if self.dry_run {
            self.refresh().await?;
            obsolete.find(&self.table.table).await?;
        } else {
            self.newest = commit(&self.table.catalog, &self.newest, &mut obsolete).await?;
        }
        self.done.delete_files_dropped = obsolete.files.len() as u64;
        Ok(())
    }
}

struct Obsolete {
    /// Locations of the files that the last change drops.
    files: HashSet<String>,
}

/// A manifest with its live entries.
type Listed = (ManifestFile, Vec<ManifestEntryRef>);

impl Obsolete {
    /// Finds the files that apply to nothing; the manifests of deleted rows, and all others.
    async fn find(&mut self, table: &Table) -> Result<(Vec<Listed>, Vec<ManifestFile>), Error> {
        self.files.clear();
        let (deletes, data): (Vec<_>, Vec<_>) = live_manifests(table)
            .await?
            .into_iter()
            .partition(|manifest| manifest.content == ManifestContentType::Deletes);
        if deletes.is_empty() {
            return Ok((Vec::new(), data));
        }
        let oldest = OldestData::of(&data, table).await?;
        let mut listed = Vec::new();
        for manifest in deletes {
            let entries = live_entries(&manifest, table.file_io()).await?;
            let spec_id = manifest.partition_spec_id;
            let obsolete = entries.iter().filter(|entry| !oldest.is_in_reach_of(entry, spec_id));
            self.files.extend(obsolete.map(|entry| entry.file_path().to_owned()));
            listed.push((manifest, entries));
        }
        Ok((listed, data))
    }

    async fn write(
        &self,
        draft: &mut SnapshotDraft<'_>,
        table: &Table,
        deletes: Vec<Listed>,
        mut manifests: Vec<ManifestFile>,
    ) -> Result<Change, Error> {
        for (manifest, entries) in deletes {
            if entries.iter().any(|entry| self.files.contains(entry.file_path())) {
                let spec = table.metadata().partition_spec_by_id(manifest.partition_spec_id).ok_or(Error::Replaced)?;
                let is_removed = |file: &iceberg::spec::DataFile| self.files.contains(file.file_path());
                manifests.push(draft.rewritten(spec, &entries, is_removed).await?);
            } else {
                manifests.push(manifest);
            }
        }
        draft.finish(manifests, Operation::Replace).await
    }
}

#[async_trait]
impl Plan for Obsolete {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let (deletes, kept) = self.find(table).await?;
        if self.files.is_empty() {
            return Ok(None);
        }
        let mut draft = SnapshotDraft::new(table);
        let written = self.write(&mut draft, table, deletes, kept).await;
        draft.settle(written).await
    }
}

/// The lowest sequence number of the data files of each partition.
struct OldestData(HashMap<(i32, Struct), i64>);

impl OldestData {
    async fn of(manifests: &[ManifestFile], table: &Table) -> Result<Self, Error> {
        let mut oldest = HashMap::new();
        for manifest in manifests {
            for entry in live_entries(manifest, table.file_io()).await? {
                let partition = (manifest.partition_spec_id, entry.data_file().partition().clone());
                let sequence = entry.sequence_number().unwrap_or_default();
                oldest.entry(partition).and_modify(|least: &mut i64| *least = sequence.min(*least)).or_insert(sequence);
            }
        }
        Ok(Self(oldest))
    }

    /// Whether a data file is old enough for this file of deleted rows. One without a partition is for all of them.
    fn is_in_reach_of(&self, deletes: &ManifestEntryRef, spec_id: i32) -> bool {
        let partition = deletes.data_file().partition();
        let sequence = deletes.sequence_number().unwrap_or(i64::MAX);
        if partition.fields().is_empty() {
            self.0.values().any(|oldest| *oldest <= sequence)
        } else {
            self.0.get(&(spec_id, partition.clone())).is_some_and(|oldest| *oldest <= sequence)
        }
    }
}
