//! Rows into data files, one of each partition at a time.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use arrow_array::RecordBatch;
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, PartitionKey};
use iceberg::table::Table;
use iceberg::writer::file_writer::ParquetWriterBuilder;
use iceberg::writer::file_writer::rolling_writer::{RollingFileWriter, RollingFileWriterBuilder};

use super::order::Edges;
use crate::files::{self, RememberedLocations, UniqueNames};
use crate::{Error, FilesConfig, bounds, layout};

type RollingFile = RollingFileWriter<ParquetWriterBuilder, RememberedLocations, UniqueNames>;
type RollingFiles = RollingFileWriterBuilder<ParquetWriterBuilder, RememberedLocations, UniqueNames>;

pub(super) struct Output {
    rolling: RollingFiles,
    /// By the number of their partition.
    open: HashMap<u32, Open>,
    rows_a_file: usize,
    /// The complete files.
    pub(super) complete: Vec<DataFile>,
    /// The table's name for the order of a file's rows.
    sort_order_id: Option<i32>,
}

/// A file in the making.
struct Open {
    partition: Option<PartitionKey>,
    file: RollingFile,
    rows: usize,
    /// The last row's key; `None` once rows came that belong before others.
    last: Option<Box<[u8]>>,
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
            open: HashMap::new(),
            rows_a_file: rows_a_file.map_or(usize::MAX, NonZeroUsize::get),
            complete: Vec::new(),
            sort_order_id: layout::sort_order_id(table.metadata()),
        })
    }

    /// Whether the partition has an open file, or may have one beside all others when there may be so many.
    pub(super) fn takes(&self, number: u32, max_open: usize) -> bool {
        self.open.len() < max_open || self.open.contains_key(&number)
    }

    /// Rows of one partition that are in order, into its open file.
    pub(super) async fn write(
        &mut self,
        (number, partition): (u32, &PartitionKey),
        rows: &RecordBatch,
        edges: &Edges,
    ) -> Result<(), Error> {
        let mut from = 0;
        while from < rows.num_rows() {
            let begin = || {
                let (partition, file) = (Some(partition.clone()), self.rolling.build());
                Open { partition, file, rows: 0, last: Some(Box::default()) }
            };
            let open = self.open.entry(number).or_insert_with(begin);
            let piece = rows.slice(from, (rows.num_rows() - from).min(self.rows_a_file - open.rows));
            open.write(&piece, edges).await?;
            from += piece.num_rows();
            if open.rows == self.rows_a_file {
                self.complete(number).await?;
            }
        }
        Ok(())
    }

    /// Completes the open file of a partition.
    pub(super) async fn complete(&mut self, number: u32) -> Result<(), Error> {
        let Some(Open { partition: Some(partition), file, last, .. }) = self.open.remove(&number) else {
            return Ok(());
        };
        let sort_order_id = self.sort_order_id.filter(|_| last.is_some());
        for builder in file.close().await.map_err(Error::iceberg("complete a data file"))? {
            self.complete.push(described(builder, &partition, sort_order_id)?);
        }
        Ok(())
    }

    /// Completes every open file.
    pub(super) async fn complete_all(&mut self) -> Result<(), Error> {
        while let Some(number) = self.open.keys().next().copied() {
            self.complete(number).await?;
        }
        Ok(())
    }
}

impl Open {
    async fn write(&mut self, rows: &RecordBatch, edges: &Edges) -> Result<(), Error> {
        self.file.write(&self.partition, rows).await.map_err(Error::iceberg("write a data file"))?;
        self.rows += rows.num_rows();
        self.last = self.last.take().filter(|last| *last <= edges.first).map(|_| edges.last.clone());
        Ok(())
    }
}

/// What the manifest will say of a complete file.
fn described(
    mut builder: DataFileBuilder,
    partition: &PartitionKey,
    sort_order_id: Option<i32>,
) -> Result<DataFile, Error> {
    let build = |builder: &DataFileBuilder| {
        builder.build().map_err(|error| {
            let error = iceberg::Error::new(iceberg::ErrorKind::DataInvalid, error.to_string());
            Error::iceberg("describe a data file")(error)
        })
    };
    builder.content(DataContentType::Data);
    builder.partition(partition.data().clone()).partition_spec_id(partition.spec().spec_id());
    if let Some(id) = sort_order_id {
        builder.sort_order_id(id);
    }
    let file = build(&builder)?;
    builder.lower_bounds(bounds::lower(file.lower_bounds())).upper_bounds(bounds::upper(file.upper_bounds()));
    build(&builder)
}
