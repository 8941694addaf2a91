//! Few large data files in the place of many small ones of the same partition.
//!
//! 1. The small files of the table's current snapshot are grouped by partition, each group as large as one good file.
//! 2. A group's rows are read, sorted and written to new files.
//! 3. These take the place of the old ones in one commit. What was appended meanwhile stays beside them.
//!
//! A file with deleted rows is left as it is, and so is a group that another writer has changed meanwhile.

use std::collections::{HashMap, HashSet};

use futures::TryStreamExt;
use iceberg::scan::FileScanTask;
use iceberg::spec::{DataFileFormat, Operation, Struct};

use super::Run;
use super::packed::packed;
use super::sorted::SortedWriter;
use crate::commit::commit;
use crate::rewrite::{Replacement, delete_manifests, rewritten, whole};
use crate::{DataFiles, Error, files};

impl Run<'_> {
    /// Merges the small files of every partition.
    pub(super) async fn compact(&mut self) -> Result<(), Error> {
        self.refresh().await?;
        let deletes_seen = delete_manifests(&self.table.table).await?;
        for group in self.groups().await? {
            let (count, bytes) = (group.len() as u64, group.iter().map(|file| file.length).sum::<u64>());
            let rows = group.iter().filter_map(|file| file.record_count).sum::<u64>();
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

    /// Groups of small files that are worth merging.
    async fn groups(&self) -> Result<Vec<Vec<FileScanTask>>, Error> {
        let target = self.table.config.files.target_file_bytes as u64;
        let small = target.saturating_mul(self.settings.small_file_percent.into()) / 100;
        let mut partitions = HashMap::<Struct, Vec<FileScanTask>>::new();
        for file in listed(&self.table.table).await.map_err(Error::iceberg("list the data files"))? {
            let is_plain = file.deletes.is_empty() && file.data_file_format == DataFileFormat::Parquet;
            if is_plain && file.length < small {
                let partition = file.partition.clone().unwrap_or_else(Struct::empty);
                partitions.entry(partition).or_default().push(file);
            }
        }
        let is_worth_it = |group: &Vec<FileScanTask>| {
            let bytes: u64 = group.iter().map(|file| file.length).sum();
            group.len() >= self.settings.min_small_files || (group.len() > 1 && bytes >= small)
        };
        let groups = partitions.into_values().flat_map(|files| packed(files, target, |file| file.length));
        let mut groups: Vec<_> = groups.filter(is_worth_it).collect();
        groups.sort_by(|one, other| one[0].data_file_path.cmp(&other[0].data_file_path));
        Ok(groups)
    }

    /// Puts sorted files in the place of these.
    async fn merge(&mut self, group: Vec<FileScanTask>, deletes_seen: &HashSet<String>) -> Result<(), Error> {
        if self.dry_run {
            return Ok(());
        }
        let removed = group.iter().map(|file| file.data_file_path.clone()).collect();
        let new = self.rewrite(group).await?;
        let (count, bytes) = (new.count() as u64, new.bytes());
        let paths: Vec<String> = new.0.iter().map(|file| file.file_path().to_owned()).collect();
        let mut replacement = Replacement {
            removed,
            added: new.0,
            spec_id: self.table.table.metadata().default_partition_spec_id(),
            deletes_seen,
            operation: Operation::Replace,
            index: &mut self.index,
        };
        let committed = commit(&self.table.catalog, self.table.table.identifier(), &mut replacement).await;
        if let Err(error) = committed {
            if !matches!(error, Error::Uncertain { .. }) {
                files::delete(paths, self.table.table.file_io()).await;
            }
            return Err(error);
        }
        self.done.files_written += count;
        self.done.bytes_written += bytes;
        Ok(())
    }

    /// The rows of these files in new ones. After an error there are none.
    async fn rewrite(&self, group: Vec<FileScanTask>) -> Result<DataFiles, Error> {
        let (table, config) = (&self.table.table, &self.table.config.files);
        let writer = SortedWriter::new(table, config, self.settings.sort_buffer_bytes)?;
        rewritten(table, group, writer, Ok).await
    }
}

/// The data files of the current snapshot, to be read in today's columns.
async fn listed(table: &iceberg::table::Table) -> iceberg::Result<Vec<FileScanTask>> {
    let mut files: Vec<FileScanTask> = table.scan().build()?.plan_files().await?.try_collect().await?;
    for file in &mut files {
        whole(file, table.metadata().current_schema());
    }
    Ok(files)
}
