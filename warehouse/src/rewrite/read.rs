//! Data files read whole, in today's columns, and written anew.

use arrow_array::RecordBatch;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use iceberg::scan::FileScanTask;
use iceberg::spec::SchemaRef;
use iceberg::table::Table;

use crate::{DataFiles, Error, Writer};

/// Rows that are read at a time: a single one may hold megabytes.
const ROWS_PER_BATCH: usize = 1024;

/// Asks of a scan's file for all rows and all columns of `schema`: a snapshot may be read in older ones, and its rows
/// are filtered.
pub(crate) fn whole(file: &mut FileScanTask, schema: &SchemaRef) {
    file.schema = schema.clone();
    file.predicate = None;
    file.project_field_ids = schema.as_struct().fields().iter().map(|field| field.id).collect();
}

/// The rows of a file without those that are deleted, a piece at a time.
pub(crate) fn read(table: &Table, file: FileScanTask) -> Result<BoxStream<'static, Result<RecordBatch, Error>>, Error> {
    let reader = table.reader_builder().with_data_file_concurrency_limit(1).with_batch_size(ROWS_PER_BATCH);
    let batches = reader.build().read(futures::stream::iter([Ok(file)]).boxed());
    let batches = batches.map_err(Error::iceberg("read a data file"))?.stream();
    Ok(batches.map_err(|error| Error::iceberg("read a data file")(error)).boxed())
}

/// Every row of these files, changed as told, in new files; none is left behind by a failure.
///
/// # Errors
/// `Lost` when not as many rows were written as were read; any other when files or the change fail.
pub(crate) async fn rewritten(
    table: &Table,
    files: Vec<FileScanTask>,
    mut writer: Writer,
    mut change: impl FnMut(RecordBatch) -> Result<RecordBatch, Error>,
) -> Result<DataFiles, Error> {
    let written = async {
        let mut rows_read = 0;
        for file in files {
            let mut batches = read(table, file)?;
            while let Some(batch) = batches.try_next().await? {
                rows_read += batch.num_rows() as u64;
                writer.write_columns(change(batch)?).await?;
            }
        }
        let new = writer.close().await?;
        if new.rows() == rows_read { Ok(new) } else { Err(Error::Lost { read: rows_read, written: new.rows() }) }
    };
    match written.await {
        Ok(new) => Ok(new),
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}
