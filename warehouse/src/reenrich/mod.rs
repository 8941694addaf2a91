//! Looking places up again: the rows of a time range get the places that today's geo database tells, all else stays.
//!
//! 1. `source` finds the data files that overlap the range, and reads of each the addresses, times and database names.
//!    A file whose rows are all as today's database would have them is left as it is.
//! 2. The others are read whole and written anew with today's places (`rows`), a few at a time, and those new files
//!    take the place of the old ones in one commit.
//!
//! How far it has come is nowhere but in the rows: each tells which database was asked for it. So it can be ended and
//! begun again at any instant, and two may run at once.

mod rows;
mod source;

use std::collections::HashSet;

use event::{Reenriched, Reenrichment, Verdicts};
use iceberg::scan::FileScanTask;
use iceberg::spec::Operation;

use crate::commit::commit;
use crate::rewrite::{ManifestIndex, Replacement};
use crate::{Config, DataFiles, Error, Table, files};
use catalog::Catalog;

use source::Source;

/// How often the files of the range are listed anew because others replaced some of them meanwhile.
const MAX_LISTINGS: u32 = 100;

/// Files that are replaced in one commit at most.
const MAX_FILES: usize = 64;

impl Table {
    /// Looks the places of a time range up again. Rows that are appended while it runs are kept; whether they are
    /// looked up, too, is open. Ended at any instant, it keeps what was committed, and does the rest when it is run
    /// again.
    ///
    /// # Errors
    /// `NoColumn` when somebody dropped a column that is needed. `Contended` when others replaced files all the time.
    /// After `Uncertain` the last of the changes may have been made or not. Any other when catalog or files fail.
    pub async fn reenrich(&mut self, mut asked: Reenrichment<'_>) -> Result<Reenriched, Error> {
        let mut run = Run {
            catalog: &self.catalog,
            newest: self.table.clone(),
            config: &self.config,
            asked: &mut asked,
            index: ManifestIndex::default(),
            seen: HashSet::new(),
            total: Reenriched::default(),
        };
        for _ in 0..MAX_LISTINGS {
            run.newest = self.catalog.newest(&run.newest).await?;
            self.table = run.newest.clone();
            let source = Source::of(&self.table, &run.asked.range).await?;
            if run.go_through(&source).await? {
                return Ok(run.total);
            }
            tracing::debug!("another writer replaced files of the range: listing them again");
        }
        Err(Error::Contended)
    }
}

struct Run<'r, 'a> {
    catalog: &'r Catalog,
    /// The table as it was last seen or committed.
    newest: iceberg::table::Table,
    config: &'r Config,
    asked: &'r mut Reenrichment<'a>,
    index: ManifestIndex,
    /// Paths of files that are done with.
    seen: HashSet<String>,
    total: Reenriched,
}

/// Files to be replaced together, and what that changes.
#[derive(Default)]
struct Group<'s> {
    files: Vec<&'s FileScanTask>,
    bytes: u64,
    rows: Verdicts,
}

impl Run<'_, '_> {
    /// Goes through the files of the range. Whether nothing is left to be done.
    async fn go_through(&mut self, source: &Source<'_>) -> Result<bool, Error> {
        let left: Vec<&FileScanTask> =
            source.files.iter().filter(|file| !self.seen.contains(&file.data_file_path)).collect();
        self.total.parts = self.total.parts_done + left.len() as u64;
        let mut is_complete = true;
        let mut group = Group::default();
        for file in left {
            let rows = source.verdicts(file, &self.asked.range, self.asked.locate).await?;
            if rows.changed == 0 || self.asked.dry_run {
                self.seen.insert(file.data_file_path.clone());
                self.done(1, &rows);
            } else {
                group.files.push(file);
                group.bytes += file.length;
                group.rows.add(&rows);
            }
            if group.files.len() == MAX_FILES || group.bytes >= self.config.files.target_file_bytes as u64 {
                is_complete &= self.replace(source, std::mem::take(&mut group)).await?;
            }
            if (self.asked.watch)(&self.total).is_break() {
                self.replace(source, group).await?;
                return Ok(true);
            }
        }
        is_complete &= self.replace(source, group).await?;
        Ok(is_complete)
    }

    /// Puts files with today's places in the place of these. `false` when another writer has replaced some of them.
    async fn replace(&mut self, source: &Source<'_>, group: Group<'_>) -> Result<bool, Error> {
        if group.files.is_empty() {
            return Ok(true);
        }
        let new = source.rewrite(&group.files, &self.config.files, &self.asked.range, self.asked.locate).await?;
        let paths: Vec<String> = new.0.iter().map(|file| file.file_path().to_owned()).collect();
        match self.commit(source, &group, new).await {
            Ok(()) => {
                self.seen.extend(paths);
                self.total.files_replaced += group.files.len() as u64;
                self.done(group.files.len(), &group.rows);
                Ok(true)
            }
            Err(error) => {
                if !matches!(error, Error::Uncertain { .. }) {
                    files::delete(paths, source.table.file_io()).await;
                }
                if matches!(error, Error::Replaced) { Ok(false) } else { Err(error) }
            }
        }
    }

    async fn commit(&mut self, source: &Source<'_>, group: &Group<'_>, new: DataFiles) -> Result<(), Error> {
        let mut replacement = Replacement {
            removed: group.files.iter().map(|file| file.data_file_path.clone()).collect(),
            added: new.0,
            spec_id: source.table.metadata().default_partition_spec_id(),
            deletes_seen: &source.deletes_seen,
            operation: Operation::Overwrite,
            index: &mut self.index,
        };
        self.newest = commit(self.catalog, &self.newest, &mut replacement).await?;
        Ok(())
    }

    fn done(&mut self, files: usize, rows: &Verdicts) {
        self.total.parts_done += files as u64;
        self.total.rows.add(rows);
    }
}
