//! Sorted rows into data files, one file at a time.

use std::num::NonZeroUsize;

use arrow_array::RecordBatch;
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, PartitionKey};
use iceberg::table::Table;
use iceberg::writer::file_writer::ParquetWriterBuilder;
use iceberg::writer::file_writer::rolling_writer::{RollingFileWriter, RollingFileWriterBuilder};

use crate::files::{self, RememberedLocations, UniqueNames};
use crate::{Error, FilesConfig, bounds, layout};

type RollingFile = RollingFileWriter<ParquetWriterBuilder, RememberedLocations, UniqueNames>;
type RollingFiles = RollingFileWriterBuilder<ParquetWriterBuilder, RememberedLocations, UniqueNames>;

pub(super) struct Output {
    rolling: RollingFiles,
    open: Option<(PartitionKey, RollingFile)>,
    /// Rows in the open file, and after how many it is complete.
    rows: usize,
    rows_a_file: usize,
    complete: Vec<DataFile>,
    /// The table's name for the order in which rows come.
    sort_order_id: Option<i32>,
}

impl Output {
    pub(super) fn new(
        table: &Table,
        locations: RememberedLocations,
        config: &FilesConfig,
        rows_a_file: Option<NonZeroUsize>,
    ) -> Result<Self, Error> {
        let schema = table.metadata().current_schema();
        let parquet = ParquetWriterBuilder::new(files::parquet_properties(config, schema)?, schema.clone());
        let target_bytes = if rows_a_file.is_some() { usize::MAX } else { config.target_file_bytes };
        Ok(Self {
            rolling: RollingFiles::new(parquet, target_bytes, table.file_io().clone(), locations, UniqueNames),
            open: None,
            rows: 0,
            rows_a_file: rows_a_file.map_or(usize::MAX, NonZeroUsize::get),
            complete: Vec::new(),
            sort_order_id: layout::sort_order_id(table.metadata()),
        })
    }

    /// Rows of one partition, which go on where the last ones of this partition ended.
    pub(super) async fn write(&mut self, partition: &PartitionKey, rows: &RecordBatch) -> Result<(), Error> {
        if self.open.as_ref().is_some_and(|(open, _)| open.data() != partition.data()) {
            self.complete().await?;
        }
        let key = Some(partition.clone());
        let mut from = 0;
        while from < rows.num_rows() {
            let piece = rows.slice(from, (rows.num_rows() - from).min(self.rows_a_file - self.rows));
            let (_, file) = self.open.get_or_insert_with(|| (partition.clone(), self.rolling.build()));
            file.write(&key, &piece).await.map_err(Error::iceberg("write a data file"))?;
            from += piece.num_rows();
            self.rows += piece.num_rows();
            if self.rows == self.rows_a_file {
                self.complete().await?;
            }
        }
        Ok(())
    }

    /// Completes the open file.
    pub(super) async fn complete(&mut self) -> Result<(), Error> {
        self.rows = 0;
        let Some((partition, file)) = self.open.take() else { return Ok(()) };
        for builder in file.close().await.map_err(Error::iceberg("complete a data file"))? {
            self.complete.push(self.describe(builder, &partition)?);
        }
        Ok(())
    }

    /// The complete files since the last call.
    pub(super) fn take(&mut self) -> Vec<DataFile> {
        std::mem::take(&mut self.complete)
    }

    /// What the manifest will say of a complete file.
    fn describe(&self, mut builder: DataFileBuilder, partition: &PartitionKey) -> Result<DataFile, Error> {
        let build = |builder: &DataFileBuilder| {
            builder.build().map_err(|error| {
                let error = iceberg::Error::new(iceberg::ErrorKind::DataInvalid, error.to_string());
                Error::iceberg("describe a data file")(error)
            })
        };
        builder.content(DataContentType::Data);
        builder.partition(partition.data().clone()).partition_spec_id(partition.spec().spec_id());
        if let Some(id) = self.sort_order_id {
            builder.sort_order_id(id);
        }
        let file = build(&builder)?;
        builder.lower_bounds(bounds::lower(file.lower_bounds())).upper_bounds(bounds::upper(file.upper_bounds()));
        build(&builder)
    }
}
