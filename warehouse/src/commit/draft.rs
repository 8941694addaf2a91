//! A snapshot in the making: its manifests, its manifest list, and the change that makes it the table's current one.

use event::Timestamp;
use iceberg::spec::{
    DataContentType, DataFile, MAIN_BRANCH, ManifestEntryRef, ManifestFile, ManifestListWriter, ManifestWriter,
    ManifestWriterBuilder, Operation, PartitionSpecRef, Snapshot, SnapshotReference, SnapshotRetention,
    SnapshotSummaryCollector, Summary,
};
use iceberg::table::Table;
use iceberg::{TableRequirement, TableUpdate};
use uuid::Uuid;

use super::{Change, summary};
use crate::maintain::references;
use crate::positions::{self, Marker, Texts};
use crate::{Error, clock, files, lineage};

/// Asks the manifest writer to leave the sequence number of new files to the commit.
const AT_COMMIT: i64 = -1;

/// A snapshot upon the table's current one. Each file that it writes is new; [`SnapshotDraft::settle`] deletes them when it
/// comes to nothing.
pub(crate) struct SnapshotDraft<'a> {
    table: &'a Table,
    schema_id: i32,
    id: i64,
    name: Uuid,
    written: Vec<String>,
    changes: SnapshotSummaryCollector,
    /// Absent when they stay as they are.
    positions: Option<Texts>,
}

impl<'a> SnapshotDraft<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        Self {
            table,
            schema_id: table.metadata().current_schema_id(),
            id: unused_id(table),
            name: Uuid::new_v4(),
            written: Vec::new(),
            changes: SnapshotSummaryCollector::default(),
            positions: None,
        }
    }

    /// Of another schema than the current one, which the same change makes the current one.
    pub(crate) fn of_schema(self, schema_id: i32) -> Self {
        Self { schema_id, ..self }
    }

    /// The positions of all topics that the snapshot moves to.
    pub(crate) fn stand_at(&mut self, positions: Texts) {
        self.positions = Some(positions);
    }

    /// A manifest of new data files, all of this partition spec.
    pub(crate) async fn added(&mut self, files: Vec<DataFile>, spec: &PartitionSpecRef) -> Result<ManifestFile, Error> {
        let metadata = self.table.metadata();
        let mut writer = self.manifest(spec, DataContentType::Data)?;
        for file in files {
            self.changes.add_file(&file, metadata.current_schema().clone(), spec.clone());
            writer.add_file(file, AT_COMMIT).map_err(Error::iceberg("list a new data file"))?;
        }
        writer.write_manifest_file().await.map_err(Error::iceberg("write a manifest"))
    }

    /// A manifest in the place of others of the same partition spec and kind of content: these entries of theirs, each
    /// kept or removed. Entries that were removed before must not be among them.
    pub(crate) async fn rewritten(
        &mut self,
        spec: &PartitionSpecRef,
        entries: &[ManifestEntryRef],
        is_removed: impl Fn(&DataFile) -> bool,
    ) -> Result<ManifestFile, Error> {
        let schema = self.table.metadata().current_schema();
        let content = entries.first().map_or(DataContentType::Data, |entry| entry.content_type());
        let mut writer = self.manifest(spec, content)?;
        for entry in entries {
            let file = entry.data_file();
            let sequence = entry.sequence_number().unwrap_or_default();
            let listed = if is_removed(file) {
                self.changes.remove_file(file, schema.clone(), spec.clone());
                writer.add_delete_file(file.clone(), sequence, entry.file_sequence_number)
            } else {
                let snapshot = entry.snapshot_id().unwrap_or_default();
                writer.add_existing_file(file.clone(), snapshot, sequence, entry.file_sequence_number)
            };
            listed.map_err(Error::iceberg("list a data file"))?;
        }
        writer.write_manifest_file().await.map_err(Error::iceberg("write a manifest"))
    }

    /// The change that makes a snapshot of exactly these manifests the current one.
    pub(crate) async fn finish(&mut self, manifests: Vec<ManifestFile>, operation: Operation) -> Result<Change, Error> {
        let metadata = self.table.metadata();
        let positions = match &self.positions {
            Some(positions) => positions.clone(),
            None => lineage::standing(metadata)?.positions,
        };
        let list = self.manifest_list(manifests).await.map_err(Error::iceberg("write a manifest list"))?;
        let mut summary = summary::properties(metadata, &self.changes);
        summary.extend(positions);
        let now_ms = Timestamp::now().millis();
        let timestamp_ms = clock::next_snapshot_ms(metadata, now_ms);
        if timestamp_ms != now_ms {
            summary.insert(clock::CLOCK.to_owned(), now_ms.to_string());
        }
        let snapshot = Snapshot::builder()
            .with_snapshot_id(self.id)
            .with_parent_snapshot_id(metadata.current_snapshot_id())
            .with_sequence_number(metadata.next_sequence_number())
            .with_timestamp_ms(timestamp_ms)
            .with_manifest_list(list)
            .with_schema_id(self.schema_id)
            .with_summary(Summary { operation, additional_properties: summary })
            .build();
        Ok(Change {
            requirements: vec![
                TableRequirement::UuidMatch { uuid: metadata.uuid() },
                TableRequirement::RefSnapshotIdMatch {
                    r#ref: MAIN_BRANCH.to_owned(),
                    snapshot_id: metadata.current_snapshot_id(),
                },
            ],
            updates: self.updates(snapshot)?,
            files: std::mem::take(&mut self.written),
        })
    }

    /// The change, for the catalog; after an error whatever was written is deleted.
    pub(crate) async fn settle(self, change: Result<Change, Error>) -> Result<Option<Change>, Error> {
        if change.is_err() {
            files::delete(self.written, self.table.file_io()).await;
        }
        change.map(Some)
    }

    fn updates(&self, snapshot: Snapshot) -> Result<Vec<TableUpdate>, Error> {
        // What the branch asks to be kept is not the draft's to change.
        let retention = references(self.table.metadata())?.remove(MAIN_BRANCH).map(|main| main.retention);
        let retention = retention.unwrap_or_else(|| SnapshotRetention::branch(None, None, None));
        let reference = SnapshotReference::new(self.id, retention);
        let mut updates = vec![
            TableUpdate::AddSnapshot { snapshot },
            TableUpdate::SetSnapshotRef { ref_name: MAIN_BRANCH.to_owned(), reference },
        ];
        if let Some(positions) = &self.positions {
            updates.extend(self.properties(positions));
        }
        Ok(updates)
    }

    /// The positions as properties of the table, for when this snapshot and those upon it have been expired.
    fn properties(&self, positions: &Texts) -> Vec<TableUpdate> {
        let metadata = self.table.metadata();
        let marker = Marker { snapshot_id: self.id, sequence_number: metadata.next_sequence_number() };
        let updates = positions.clone().into_iter().chain(marker.written()).collect();
        let is_stale = |key: &String| !positions.contains_key(key);
        let removals: Vec<String> = positions::all(metadata.properties()).into_keys().filter(is_stale).collect();
        let set = TableUpdate::SetProperties { updates };
        if removals.is_empty() { vec![set] } else { vec![set, TableUpdate::RemoveProperties { removals }] }
    }

    fn manifest(&mut self, spec: &PartitionSpecRef, content: DataContentType) -> Result<ManifestWriter, Error> {
        let location = self.location(&format!("{}-m{}.avro", self.name, self.written.len()));
        let output = self.table.file_io().new_output(location).map_err(Error::iceberg("begin a manifest"))?;
        let schema = self.table.metadata().current_schema().clone();
        let builder = ManifestWriterBuilder::new(output, Some(self.id), schema, spec.as_ref().clone());
        Ok(match content {
            DataContentType::Data => builder.build_v2_data(),
            DataContentType::PositionDeletes | DataContentType::EqualityDeletes => builder.build_v2_deletes(),
        })
    }

    async fn manifest_list(&mut self, manifests: Vec<ManifestFile>) -> iceberg::Result<String> {
        let location = self.location(&format!("snap-{}-0-{}.avro", self.id, self.name));
        let metadata = self.table.metadata();
        let output = self.table.file_io().new_output(&location)?.writer().await?;
        let (parent, sequence) = (metadata.current_snapshot_id(), metadata.next_sequence_number());
        let mut writer = ManifestListWriter::v2(output, self.id, parent, sequence);
        writer.add_manifests(manifests.into_iter())?;
        writer.close().await?;
        Ok(location)
    }

    fn location(&mut self, file: &str) -> String {
        let location = format!("{}/metadata/{file}", self.table.metadata().location());
        self.written.push(location.clone());
        location
    }
}

/// A number that no snapshot of the table has.
fn unused_id(table: &Table) -> i64 {
    loop {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        let id = ((high ^ low) >> 1).cast_signed();
        if table.metadata().snapshot_by_id(id).is_none() {
            return id;
        }
    }
}
