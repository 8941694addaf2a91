//! Few manifests in the place of many small ones. Data files are not touched.

use async_trait::async_trait;
use iceberg::spec::{ManifestContentType, ManifestFile, Operation};
use iceberg::table::Table;

use super::packed::packed;
use super::{MaintenanceConfig, Run};
use crate::Error;
use crate::commit::{Change, Plan, SnapshotDraft, commit, live_manifests};
use crate::rewrite::live_entries;

impl Run<'_> {
    /// Merges the small manifests of each partition spec.
    pub(super) async fn merge_manifests(&mut self) -> Result<(), Error> {
        self.refresh().await?;
        let mut merge = Merge { settings: self.settings, merged: 0 };
        if self.dry_run {
            merge.merged = merge.groups(&self.table.table).await?.0.iter().map(Vec::len).sum();
        } else {
            self.newest = commit(&self.table.catalog, &self.newest, &mut merge).await?;
        }
        self.done.manifests_merged = merge.merged as u64;
        Ok(())
    }
}

struct Merge<'r> {
    settings: &'r MaintenanceConfig,
    /// Manifests that the last change puts others in the place of.
    merged: usize,
}

impl Merge<'_> {
    /// The manifests to be merged, those of one spec in each group, and all others.
    async fn groups(&self, table: &Table) -> Result<(Vec<Vec<ManifestFile>>, Vec<ManifestFile>), Error> {
        let target = self.settings.target_manifest_bytes;
        let size = |manifest: &ManifestFile| u64::try_from(manifest.manifest_length).unwrap_or_default();
        let is_small = |manifest: &ManifestFile| {
            manifest.content == ManifestContentType::Data && size(manifest) < target.saturating_mul(3) / 4
        };
        let (mut small, mut kept): (Vec<_>, Vec<_>) = live_manifests(table).await?.into_iter().partition(is_small);
        small.sort_by_key(|manifest| manifest.partition_spec_id);
        let mut groups = Vec::new();
        for of_spec in small.chunk_by(|one, other| one.partition_spec_id == other.partition_spec_id) {
            for group in packed(of_spec.to_vec(), target, size) {
                if group.len() >= self.settings.min_small_manifests {
                    groups.push(group);
                } else {
                    kept.extend(group);
                }
            }
        }
        Ok((groups, kept))
    }

    /// Writes one manifest for each group.
    async fn write(
        draft: &mut SnapshotDraft<'_>,
        table: &Table,
        groups: &[Vec<ManifestFile>],
        mut manifests: Vec<ManifestFile>,
    ) -> Result<Change, Error> {
        for group in groups {
            let mut entries = Vec::new();
            for manifest in group {
                entries.extend(live_entries(manifest, table.file_io()).await?);
            }
            let spec = group.first().and_then(|first| table.metadata().partition_spec_by_id(first.partition_spec_id));
            manifests.push(draft.rewritten(spec.ok_or(Error::Replaced)?, &entries, |_| false).await?);
        }
        draft.finish(manifests, Operation::Replace).await
    }
}

#[async_trait]
impl Plan for Merge<'_> {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let (groups, kept) = self.groups(table).await?;
        self.merged = groups.iter().map(Vec::len).sum();
        if groups.is_empty() {
            return Ok(None);
        }
        let mut draft = SnapshotDraft::new(table);
        let written = Self::write(&mut draft, table, &groups, kept).await;
        draft.settle(written).await
    }
}
