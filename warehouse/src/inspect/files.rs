//! The files of the current snapshot, as its manifests tell them.

use std::collections::HashMap;

use event::Timestamp;
use futures::{StreamExt, TryStreamExt};
use iceberg::spec::{
    DataContentType, DataFile, Datum, ManifestContentType, ManifestFile, PartitionSpec, PrimitiveLiteral, SchemaRef,
    Struct,
};
use serde::Serialize;

use super::iso;
use crate::commit::live_manifests;
use crate::rewrite::live_entries;
use crate::schema::id;
use crate::{Error, Table};

/// Manifests that are read at the same time. Of each only what follows is kept, so that memory is bounded by a few of
/// them and a line a file.
const CONCURRENT_READS: usize = 8;

/// A data file of the current snapshot. Names as in PyIceberg's `inspect.files`, where it has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataFileStatus {
    /// Partition, as `field=value` joined by `/`; empty in a table without partitions.
    pub partition: String,
    /// Number of the partition spec that it was written by.
    pub spec_id: i32,
    /// Location.
    pub file_path: String,
    /// Rows, deleted ones included.
    pub record_count: u64,
    /// Size in bytes.
    pub file_size_in_bytes: u64,
    /// A bound below the time of its first event.
    #[serde(serialize_with = "iso")]
    pub first_event_at: Option<Timestamp>,
    /// A bound above the time of its last event.
    #[serde(serialize_with = "iso")]
    pub last_event_at: Option<Timestamp>,
    /// When its last row was received.
    #[serde(serialize_with = "iso")]
    pub last_received_at: Option<Timestamp>,
}

/// Names of partitions, each made once.
struct Names<'t> {
    schema: &'t SchemaRef,
    spec: Option<&'t PartitionSpec>,
    made: HashMap<Struct, String>,
}

impl Table {
    /// The data files of the current snapshot, in no order. `watch` is told how many manifests have been read, of how
    /// many.
    ///
    /// # Errors
    /// `Iceberg` when manifests cannot be read.
    pub async fn files(&self, mut watch: impl FnMut(usize, usize)) -> Result<Vec<DataFileStatus>, Error> {
        let mut manifests = live_manifests(&self.table).await?;
        manifests.retain(|manifest| manifest.content == ManifestContentType::Data);
        let total = manifests.len();
        let read = manifests.into_iter().map(|manifest| self.listed(manifest));
        let mut read = futures::stream::iter(read).buffer_unordered(CONCURRENT_READS);
        let (mut files, mut done) = (Vec::new(), 0);
        while let Some(listed) = read.try_next().await? {
            files.extend(listed);
            done += 1;
            watch(done, total);
        }
        Ok(files)
    }

    async fn listed(&self, manifest: ManifestFile) -> Result<Vec<DataFileStatus>, Error> {
        let entries = live_entries(&manifest, self.table.file_io()).await?;
        let metadata = self.table.metadata();
        let spec_id = manifest.partition_spec_id;
        let spec = metadata.partition_spec_by_id(spec_id).map(AsRef::as_ref);
        let mut names = Names { schema: metadata.current_schema(), spec, made: HashMap::new() };
        let files = entries.iter().map(|entry| entry.data_file());
        let files = files.filter(|file| file.content_type() == DataContentType::Data);
        Ok(files.map(|file| told(file, spec_id, &mut names)).collect())
    }
}

fn told(file: &DataFile, spec_id: i32, names: &mut Names) -> DataFileStatus {
    DataFileStatus {
        partition: names.of(file.partition()),
        spec_id,
        file_path: file.file_path().to_owned(),
        record_count: file.record_count(),
        file_size_in_bytes: file.file_size_in_bytes(),
        first_event_at: file.lower_bounds().get(&id::EVENT_TIMESTAMP).and_then(time),
        last_event_at: file.upper_bounds().get(&id::EVENT_TIMESTAMP).and_then(time),
        last_received_at: file.upper_bounds().get(&id::RECEIVED_AT).and_then(time),
    }
}

fn time(bound: &Datum) -> Option<Timestamp> {
    let PrimitiveLiteral::Long(micros) = bound.literal() else { return None };
    Timestamp::from_micros(*micros).ok()
}

impl Names<'_> {
    fn of(&mut self, partition: &Struct) -> String {
        if let Some(name) = self.made.get(partition) {
            return name.clone();
        }
        // The column behind a field of an old spec may have been dropped since; Iceberg would panic then.
        let name = match self.spec.filter(|spec| spec.partition_type(self.schema).is_ok()) {
            Some(spec) => spec.partition_to_path(partition, self.schema.clone()),
            None => format!("{partition:?}"),
        };
        self.made.insert(partition.clone(), name.clone());
        name
    }
}
