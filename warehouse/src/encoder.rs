//! From record batches to data files, one partition beside the other, in bounded memory.
//!
//! Rows wait in memory by partition and are encoded when a partition has a good piece of them, or when too many wait.
//! Few partitions have an open file at a time: events of a thousand different days make small files, not a large heap.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use iceberg::arrow::RecordBatchPartitionSplitter;
use iceberg::spec::{DataContentType, DataFile, DataFileBuilder, PartitionKey, Struct};
use iceberg::table::Table;
use iceberg::writer::file_writer::ParquetWriterBuilder;
use iceberg::writer::file_writer::rolling_writer::{RollingFileWriter, RollingFileWriterBuilder};

use crate::files::{self, DataFiles, RememberedLocations, UniqueNames};
use crate::{Error, FilesConfig, bounds};

/// Waiting rows of one partition that are worth encoding, in bytes.
const WORTH_ENCODING_BYTES: usize = 4 << 20;

type RollingFile = RollingFileWriter<ParquetWriterBuilder, RememberedLocations, UniqueNames>;
type RollingFiles = RollingFileWriterBuilder<ParquetWriterBuilder, RememberedLocations, UniqueNames>;

/// The rows of one partition that are not in a complete file yet.
struct Partition {
    key: PartitionKey,
    waiting: Vec<RecordBatch>,
    waiting_bytes: usize,
    file: Option<RollingFile>,
    last_written: u64,
}

pub(crate) struct Encoder {
    config: FilesConfig,
    splitter: RecordBatchPartitionSplitter,
    rolling: RollingFiles,
    partitions: HashMap<Struct, Partition>,
    complete: Vec<DataFile>,
    /// Counts encodings, to tell which file was idle longest.
    clock: u64,
}

impl Encoder {
    /// An encoder for the table's current schema and partition spec.
    pub(crate) fn new(table: &Table, locations: RememberedLocations, config: &FilesConfig) -> Result<Self, Error> {
        let metadata = table.metadata();
        let schema = metadata.current_schema().clone();
        let parquet = ParquetWriterBuilder::new(files::parquet_properties(config)?, schema.clone());
        let splitter = RecordBatchPartitionSplitter::try_new_with_computed_values(
            schema,
            metadata.default_partition_spec().clone(),
        )
        .map_err(Error::iceberg("prepare the partitions"))?;
        Ok(Self {
            config: config.clone(),
            splitter,
            rolling: RollingFiles::new(
                parquet,
                config.target_file_bytes,
                table.file_io().clone(),
                locations,
                UniqueNames,
            ),
            partitions: HashMap::new(),
            complete: Vec::new(),
            clock: 0,
        })
    }

    /// Takes a batch; an error leaves the encoder useless.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        for (key, rows) in self.splitter.split(batch).map_err(Error::iceberg("split rows by partition"))? {
            self.wait(key, rows);
        }
        while let Some(partition) = self.next_to_encode() {
            self.encode(&partition).await?;
        }
        Ok(())
    }

    /// Completes every file.
    pub(crate) async fn finish(&mut self) -> Result<DataFiles, Error> {
        let partitions: Vec<Struct> = self.partitions.keys().cloned().collect();
        for partition in &partitions {
            self.encode(partition).await?;
            self.complete(partition).await?;
        }
        Ok(DataFiles(std::mem::take(&mut self.complete)))
    }

    /// Partitions with an open file.
    pub(crate) fn open_files(&self) -> usize {
        self.partitions.values().filter(|partition| partition.file.is_some()).count()
    }

    fn wait(&mut self, key: PartitionKey, rows: RecordBatch) {
        let partition = self.partitions.entry(key.data().clone()).or_insert_with(|| Partition {
            key,
            waiting: Vec::new(),
            waiting_bytes: 0,
            file: None,
            last_written: 0,
        });
        partition.waiting_bytes += rows.get_array_memory_size();
        partition.waiting.push(rows);
    }

    /// The partition with the most waiting rows, when it is time to encode some.
    fn next_to_encode(&self) -> Option<Struct> {
        let waiting: usize = self.partitions.values().map(|partition| partition.waiting_bytes).sum();
        let (name, largest) = self.partitions.iter().max_by_key(|(_, partition)| partition.waiting_bytes)?;
        let is_time = largest.waiting_bytes >= WORTH_ENCODING_BYTES || waiting > self.config.buffer_bytes;
        is_time.then(|| name.clone())
    }

    async fn encode(&mut self, name: &Struct) -> Result<(), Error> {
        let Some(partition) = self.partitions.get(name) else { return Ok(()) };
        if partition.waiting.is_empty() {
            return Ok(());
        }
        if partition.file.is_none() {
            self.make_room().await?;
        }
        self.clock += 1;
        let Some(partition) = self.partitions.get_mut(name) else { return Ok(()) };
        partition.last_written = self.clock;
        partition.waiting_bytes = 0;
        let key = Some(partition.key.clone());
        let file = partition.file.get_or_insert_with(|| self.rolling.build());
        for rows in std::mem::take(&mut partition.waiting) {
            file.write(&key, &rows).await.map_err(Error::iceberg("write a data file"))?;
        }
        Ok(())
    }

    /// Completes files that were idle longest until one more may be opened.
    async fn make_room(&mut self) -> Result<(), Error> {
        while self.open_files() >= self.config.max_open_partitions {
            let open = self.partitions.iter().filter(|(_, partition)| partition.file.is_some());
            let Some(idle) = open.min_by_key(|(_, partition)| partition.last_written) else { break };
            let idle = idle.0.clone();
            self.complete(&idle).await?;
        }
        Ok(())
    }

    /// Completes the partition's file and keeps only its waiting rows.
    async fn complete(&mut self, name: &Struct) -> Result<(), Error> {
        let Some(partition) = self.partitions.get_mut(name) else { return Ok(()) };
        let (key, file) = (partition.key.clone(), partition.file.take());
        if partition.waiting.is_empty() {
            self.partitions.remove(name);
        }
        let Some(file) = file else { return Ok(()) };
        for builder in file.close().await.map_err(Error::iceberg("complete a data file"))? {
            self.complete.push(describe(builder, &key)?);
        }
        Ok(())
    }
}

/// What the manifest will say of a complete file.
fn describe(mut builder: DataFileBuilder, key: &PartitionKey) -> Result<DataFile, Error> {
    let build = |builder: &DataFileBuilder| {
        builder.build().map_err(|error| {
            let error = iceberg::Error::new(iceberg::ErrorKind::DataInvalid, error.to_string());
            Error::iceberg("describe a data file")(error)
        })
    };
    builder.content(DataContentType::Data).partition(key.data().clone()).partition_spec_id(key.spec().spec_id());
    let file = build(&builder)?;
    builder.lower_bounds(bounds::lower(file.lower_bounds())).upper_bounds(bounds::upper(file.upper_bounds()));
    build(&builder)
}
