//! The data files of a time range: found, read, and written anew.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use event::{Locate, Timestamp, Verdicts};
use futures::TryStreamExt;
use iceberg::expr::Reference;
use iceberg::scan::FileScanTask;
use iceberg::spec::{Datum, Schema};
use iceberg::table::Table;

use super::rows;
use crate::encoder::Shape;
use crate::rewrite::{delete_manifests, read, rewritten, whole};
use crate::schema::id;
use crate::{DataFiles, Error, FilesConfig, Writer};

/// The columns that tell whether a row changes.
const DECIDING: [i32; 3] = [id::EVENT_TIMESTAMP, id::IP, id::GEO_DATABASE];

/// The files of a table's current snapshot that may hold rows of the range.
pub(super) struct Source<'t> {
    pub(super) table: &'t Table,
    pub(super) files: Vec<FileScanTask>,
    /// The manifests of deleted rows that these files are read with.
    pub(super) deletes_seen: HashSet<String>,
}

impl<'t> Source<'t> {
    /// # Errors
    /// `NoColumn`, or `Iceberg` when the table's manifests cannot be read.
    pub(super) async fn of(table: &'t Table, range: &Range<Timestamp>) -> Result<Self, Error> {
        let schema = table.metadata().current_schema();
        for (needed, name) in [
            (id::EVENT_TIMESTAMP, "event_timestamp"),
            (id::IP, "ip"),
            (id::GEO, "geo"),
            (id::GEO_DATABASE, "geo_database"),
        ] {
            schema.field_by_id(needed).ok_or(Error::NoColumn { name })?;
        }
        let deletes_seen = delete_manifests(table).await?;
        let mut files = overlapping(table, range).await.map_err(Error::iceberg("list the files of the time range"))?;
        for file in &mut files {
            whole(file, schema);
        }
        // Files of a partition one after the other, oldest names first.
        files.sort_by(|one, other| one.data_file_path.cmp(&other.data_file_path));
        Ok(Self { table, files, deletes_seen })
    }

    /// What is to become of the file's rows of the range.
    pub(super) async fn verdicts(
        &self,
        file: &FileScanTask,
        range: &Range<Timestamp>,
        locate: &mut Locate<'_>,
    ) -> Result<Verdicts, Error> {
        let deciding = FileScanTask { project_field_ids: DECIDING.to_vec(), ..file.clone() };
        let mut batches = read(self.table, deciding)?;
        let mut verdicts = Verdicts::default();
        while let Some(batch) = batches.try_next().await? {
            rows::count(&batch, range, locate, &mut verdicts)?;
        }
        Ok(verdicts)
    }

    /// The same rows in new files, with today's places. After an error there are none.
    pub(super) async fn rewrite(
        &self,
        files: &[&FileScanTask],
        config: &FilesConfig,
        range: &Range<Timestamp>,
        locate: &mut Locate<'_>,
    ) -> Result<DataFiles, Error> {
        let writer = Writer::new(self.table, config, Shape::default())?;
        let files = files.iter().map(|file| (*file).clone()).collect();
        rewritten(self.table, files, writer, |batch| rows::relocated(&batch, range, locate)).await
    }
}

async fn overlapping(table: &Table, range: &Range<Timestamp>) -> iceberg::Result<Vec<FileScanTask>> {
    let Some(snapshot) = table.metadata().current_snapshot() else { return Ok(Vec::new()) };
    // In the columns of the snapshot, which are those that the scan filters in.
    let schema: Arc<Schema> = snapshot.schema(table.metadata())?;
    let column = schema.name_by_field_id(id::EVENT_TIMESTAMP).unwrap_or_default();
    let from = Reference::new(column).greater_than_or_equal_to(Datum::timestamptz_micros(range.start.micros()));
    let to = Reference::new(column).less_than(Datum::timestamptz_micros(range.end.micros()));
    let scan = table.scan().with_filter(from.and(to)).build()?;
    scan.plan_files().await?.try_collect().await
}
