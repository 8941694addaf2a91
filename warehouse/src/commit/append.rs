//! The change that publishes data files and moves the positions.

use async_trait::async_trait;
use event::Advance;
use iceberg::ErrorKind;
use iceberg::spec::{DataFile, Operation};
use iceberg::table::Table;

use super::{Change, Plan, SnapshotDraft, live_manifests};
use crate::{Error, lineage, positions};

/// New data files, and how far into the log they reach. Fails with `Moved` when the positions are not those that the
/// advance expects. Others' manifests are kept unread.
///
/// Always a snapshot, even without files: what a catalog checks is that the snapshot is still the current one, and so
/// the positions cannot move unnoticed between the look at them and the swap.
pub(crate) struct Append<'a> {
    pub(crate) files: Vec<DataFile>,
    /// The table's default partition spec when the files were written.
    pub(crate) spec_id: i32,
    pub(crate) advance: &'a Advance,
}

#[async_trait]
impl Plan for Append<'_> {
    async fn change(&mut self, table: &Table) -> Result<Option<Change>, Error> {
        let mut positions = lineage::standing(table.metadata())?.positions;
        if !self.advance.follows(&positions::read(&positions, &self.advance.topic)?) {
            return Err(Error::Moved);
        }
        positions.extend(positions::written_by(self.advance));
        let mut draft = SnapshotDraft::new(table);
        draft.stand_at(positions);
        let written = self.write(&mut draft, table).await;
        draft.settle(written).await
    }
}

impl Append<'_> {
    async fn write(&self, draft: &mut SnapshotDraft<'_>, table: &Table) -> Result<Change, Error> {
        let mut manifests = live_manifests(table).await?;
        if !self.files.is_empty() {
            let spec = table.metadata().partition_spec_by_id(self.spec_id).ok_or_else(spec_is_gone)?;
            manifests.push(draft.added(self.files.clone(), spec).await?);
        }
        draft.finish(manifests, Operation::Append).await
    }
}

fn spec_is_gone() -> Error {
    let reason = "another writer has removed the partition spec of the new files";
    Error::iceberg("list new data files")(iceberg::Error::new(ErrorKind::DataInvalid, reason))
}
