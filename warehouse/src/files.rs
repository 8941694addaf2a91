//! Names, places and Parquet properties of data files, and the list of those that are written and not yet committed.

use std::sync::{Arc, Mutex, PoisonError};

use iceberg::io::FileIO;
use iceberg::spec::{DataFile, PartitionKey, Schema, TableMetadata};
use iceberg::writer::file_writer::location_generator::{
    DefaultLocationGenerator, FileNameGenerator, LocationGenerator,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use uuid::Uuid;

use crate::{Error, FilesConfig, layout};

/// The part of absent values that a bloom filter takes for present.
const BLOOM_FILTER_FALSE_POSITIVES: f64 = 0.01;

/// Data files, complete and durable, that no snapshot names yet.
#[derive(Debug, Default)]
pub struct DataFiles(pub(crate) Vec<DataFile>);

impl DataFiles {
    /// Number of files.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Rows in all of them.
    pub fn rows(&self) -> u64 {
        self.0.iter().map(DataFile::record_count).sum()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(DataFile::file_size_in_bytes).sum()
    }
}

/// Deletes what no snapshot will ever name. What cannot be deleted stays on disk, unseen by readers.
pub(crate) async fn delete(locations: impl IntoIterator<Item = String>, file_io: &FileIO) {
    for location in locations {
        if let Err(error) = file_io.delete(&location).await {
            tracing::warn!(
                location,
                error = &error as &dyn std::error::Error,
                "an abandoned data file could not be deleted"
            );
        }
    }
}

/// A new name each time, in every process: a restart must not overwrite live files.
#[derive(Clone, Debug)]
pub(crate) struct UniqueNames;

impl FileNameGenerator for UniqueNames {
    fn generate_file_name(&self) -> String {
        format!("{}.parquet", Uuid::now_v7())
    }
}

/// Iceberg's usual places, remembered so that the files can be deleted when they are given up.
#[derive(Clone, Debug)]
pub(crate) struct RememberedLocations {
    places: DefaultLocationGenerator,
    begun: Arc<Mutex<Vec<String>>>,
}

impl RememberedLocations {
    pub(crate) fn new(metadata: &TableMetadata) -> Result<Self, Error> {
        let places = DefaultLocationGenerator::new(metadata).map_err(Error::iceberg("find the place of data files"))?;
        Ok(Self { places, begun: Arc::default() })
    }

    /// Every location given out since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LocationGenerator for RememberedLocations {
    fn generate_location(&self, partition: Option<&PartitionKey>, file_name: &str) -> String {
        let folder = partition.map(layout::directory).filter(|folder| !folder.is_empty());
        let name = folder.map_or_else(|| file_name.to_owned(), |folder| format!("{folder}/{file_name}"));
        let location = self.places.generate_location(None, &name);
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).push(location.clone());
        location
    }
}

/// How columns are laid out in a file of a table with these columns.
///
/// Statistics are never truncated: Iceberg 0.10 takes bounds from the row groups whose statistics are exact and leaves
/// the others out, so that readers would pass over files that hold what they look for.
pub(crate) fn parquet_properties(config: &FilesConfig, schema: &Schema) -> Result<WriterProperties, Error> {
    let level = ZstdLevel::try_new(config.zstd_level).map_err(|error| Error::Config(error.to_string()))?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        // Java readers parse this, and pass over the statistics of texts when they cannot.
        .set_created_by(format!("pageberg version {}", env!("CARGO_PKG_VERSION")))
        .set_statistics_truncate_length(None)
        .set_max_row_group_bytes(Some(config.row_group_bytes))
        .set_max_row_group_row_count(Some(config.row_group_rows));
    // Each row has another one of these.
    for column in ["event_id", "event_timestamp", "received_at", "log_offset"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    // Nobody looks for a whole one of these, and each value could be as large as an event.
    for column in ["query", "user_agent", "headers", "properties", "payload"] {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(column), EnabledStatistics::None);
    }
    for column in config.bloom_filter_columns.iter().filter(|column| schema.field_by_name(column).is_some()) {
        // A filter takes room for as many values as a row group has rows, and is folded to those that came.
        let column = ColumnPath::from(column.split('.').map(str::to_owned).collect::<Vec<_>>());
        properties = properties
            .set_column_bloom_filter_enabled(column.clone(), true)
            .set_column_bloom_filter_fpp(column, BLOOM_FILTER_FALSE_POSITIVES);
    }
    Ok(properties.build())
}
