//! Few large data files in the place of many small ones of the same partition.
//!
//! 1. The files of the table's current snapshot are grouped by partition, and those that are worth merging are chosen
//!    (`tiers`).
//! 2. Their rows are read, without those that were deleted, sorted and written to new files.
//! 3. These take the place of the old ones in one commit. What was appended meanwhile stays beside them.
//!
//! Files that another writer has changed meanwhile are left.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;

use event::Timestamp;
use futures::TryStreamExt;
use iceberg::scan::FileScanTask;
use iceberg::spec::{DataFileFormat, Operation, Struct};
use iceberg::table::Table;

use super::Run;
use super::tiers::{self, Piece, Rules};
use crate::commit::{commit, live_manifests};
use crate::encoder::Shape;
use crate::rewrite::{Replacement, delete_manifests, live_entries, rewritten, whole};
use crate::{DataFiles, Error, Writer, clock, files};

/// Files of one partition that are to be merged, and what becomes of them.
struct Group {
    files: Vec<FileScanTask>,
    into: u64,
    /// Roughly the size of the new files.
    bytes: u64,
    /// Whether the table is still partitioned as these files are.
    is_of_current_spec: bool,
}

impl Run<'_> {
    /// Merges the small files of every partition.
    pub(super) async fn compact(&mut self) -> Result<(), Error> {
        self.refresh().await?;
        let deletes_seen = delete_manifests(&self.table.table).await?;
        for group in self.groups().await? {
            let (count, bytes) = (group.files.len() as u64, group.files.iter().map(|file| file.length).sum::<u64>());
            let rows = group.files.iter().filter_map(|file| file.record_count).sum::<u64>();
            match self.merge(group, &deletes_seen).await {
                Ok(()) => {
                    self.done.files_compacted += count;
                    self.done.bytes_compacted += bytes;
                    self.done.rows_compacted += rows;
                }
                Err(Error::Replaced | Error::Contended) => self.done.groups_skipped += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Groups of files that are worth merging.
    async fn groups(&mut self) -> Result<Vec<Group>, Error> {
        let table = &self.table.table;
        let origins = origins(table).await?;
        let mut partitions = HashMap::<(i32, Struct), Vec<(FileScanTask, i64)>>::new();
        for file in listed(table).await.map_err(Error::iceberg("list the data files"))? {
            if file.data_file_format != DataFileFormat::Parquet {
                self.done.files_left_unreadable += 1;
                continue;
            }
            let Some(&(spec_id, made_ms)) = origins.get(&file.data_file_path) else { continue };
            let partition = file.partition.clone().unwrap_or_else(Struct::empty);
            partitions.entry((spec_id, partition)).or_default().push((file, made_ms));
        }
        let rules = self.rules();
        let current_spec = table.metadata().default_partition_spec_id();
        let mut groups = Vec::new();
        for ((spec_id, _), files) in partitions {
            let (chosen, left) = chosen(files, &rules, spec_id == current_spec);
            groups.extend(chosen);
            self.done.files_left_small += left;
        }
        groups.sort_by(|one, other| one.files[0].data_file_path.cmp(&other.files[0].data_file_path));
        Ok(groups)
    }

    fn rules(&self) -> Rules {
        let target_bytes = self.table.config.files.target_file_bytes as u64;
        Rules {
            target_bytes,
            small_bytes: target_bytes.saturating_mul(self.settings.small_file_percent.into()) / 100,
            min_growth: self.settings.min_small_files as u64,
            settled_after_ms: self.settings.settled_after_ms,
        }
    }

    /// Puts sorted files in the place of these.
    async fn merge(&mut self, group: Group, deletes_seen: &HashSet<String>) -> Result<(), Error> {
        if self.dry_run {
            self.done.files_written += group.into;
            self.done.bytes_written += group.bytes;
            return Ok(());
        }
        let removed: HashSet<String> = group.files.iter().map(|file| file.data_file_path.clone()).collect();
        let new = self.rewrite(group).await?;
        let (count, bytes) = (new.count() as u64, new.bytes());
        tracing::debug!(files = removed.len(), by = count, "replacing data files");
        let paths: Vec<String> = new.0.iter().map(|file| file.file_path().to_owned()).collect();
        let mut replacement = Replacement {
            removed,
            added: new.0,
            spec_id: self.table.table.metadata().default_partition_spec_id(),
            deletes_seen,
            operation: Operation::Replace,
            index: &mut self.index,
        };
        match commit(&self.table.catalog, &self.newest, &mut replacement).await {
            Ok(table) => self.newest = table,
            Err(error) => {
                if !matches!(error, Error::Uncertain { .. }) {
                    files::delete(paths, self.table.table.file_io()).await;
                }
                return Err(error);
            }
        }
        self.done.files_written += count;
        self.done.bytes_written += bytes;
        Ok(())
    }

    /// The rows of these files in new ones. After an error there are none.
    async fn rewrite(&self, group: Group) -> Result<DataFiles, Error> {
        let (table, config) = (&self.table.table, &self.table.config.files);
        let rows: u64 = group.files.iter().filter_map(|file| file.record_count).sum();
        let rows_a_file = usize::try_from(rows.div_ceil(group.into)).ok().and_then(NonZeroUsize::new);
        let shape = Shape { rows_a_file: rows_a_file.filter(|_| group.is_of_current_spec), ..Shape::default() };
        let writer = Writer::new(table, config, shape)?;
        rewritten(table, group.files, writer, Ok).await
    }
}

/// What is to be merged of a partition's files, each with the time when it was committed; and the number of small files
/// that wait.
fn chosen(files: Vec<(FileScanTask, i64)>, rules: &Rules, is_of_current_spec: bool) -> (Vec<Group>, u64) {
    let piece = |file: &FileScanTask| Piece {
        rows: file.record_count.unwrap_or_default(),
        bytes: file.length,
        has_deletes: !file.deletes.is_empty(),
    };
    let pieces: Vec<Piece> = files.iter().map(|(file, _)| piece(file)).collect();
    let newest_ms = files.iter().map(|(_, made_ms)| *made_ms).max().unwrap_or_default();
    let quiet_ms = u64::try_from(Timestamp::now().millis() - newest_ms).unwrap_or_default();
    let merges = tiers::merges(&pieces, quiet_ms, rules);
    let small = pieces.iter().filter(|piece| piece.bytes < rules.small_bytes).count();
    let merged = merges.iter().flat_map(|merge| &merge.of).filter(|&&index| pieces[index].bytes < rules.small_bytes);
    let left = if pieces.len() > 1 { small - merged.count() } else { 0 };
    let groups = merges.into_iter().map(|merge| Group {
        files: merge.of.iter().map(|&index| files[index].0.clone()).collect(),
        into: merge.into,
        bytes: merge.bytes,
        is_of_current_spec,
    });
    (groups.collect(), left as u64)
}

/// The data files of the current snapshot, to be read in today's columns.
async fn listed(table: &Table) -> iceberg::Result<Vec<FileScanTask>> {
    let mut files: Vec<FileScanTask> = table.scan().build()?.plan_files().await?.try_collect().await?;
    for file in &mut files {
        whole(file, table.metadata().current_schema());
    }
    Ok(files)
}

/// The partition spec of each data file, and when it was committed, in milliseconds since 1970.
async fn origins(table: &Table) -> Result<HashMap<String, (i32, i64)>, Error> {
    let made_ms = clock::made_ms(table.metadata(), Timestamp::now().millis());
    // A snapshot that was dropped was older than those that are left.
    let oldest_ms = made_ms.values().min().copied().unwrap_or_default();
    let mut origins = HashMap::new();
    for manifest in live_manifests(table).await? {
        for entry in live_entries(&manifest, table.file_io()).await? {
            let made_ms = entry.snapshot_id().and_then(|id| made_ms.get(&id).copied()).unwrap_or(oldest_ms);
            origins.insert(entry.file_path().to_owned(), (manifest.partition_spec_id, made_ms));
        }
    }
    Ok(origins)
}
